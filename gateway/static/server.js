// The server that these pages come from.

import { token } from "./token.js";

/** Where it answers; ends with a slash, also behind a proxy that puts a path before it. */
export const ROOT = new URL("../", import.meta.url);

const PATIENCE_MS = 10_000;

/** The server asks for a token, or for another one than `shown`. */
export class Unauthorized extends Error {
  constructor(shown) {
    super("Unauthorized");
    this.shown = shown;
  }
}

/** The server has answered with an error. `status` is that of HTTP. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * The answer of the server to a request with the token, whatever its status.
 *
 * `path` has no slash in front; `options` are those of fetch. Throws Unauthorized, or what fetch
 * throws if there is no answer.
 */
export async function send(path, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  const shown = token();
  if (shown !== null) headers.NESTServerAuth = shown;
  const reply = await fetch(new URL(path, ROOT), {
    signal: AbortSignal.timeout(PATIENCE_MS),
    ...options,
    headers,
    cache: "no-store",
    credentials: "omit",
  });
  const kind = reply.headers.get("Content-Type") ?? "";
  // The plain 403 is about the token; one in JSON is about something else.
  if (reply.status === 403 && !kind.startsWith("application/json")) throw new Unauthorized(shown);
  return reply;
}

/** The same as JSON. Throws Refused, too. */
export async function ask(path, options = {}) {
  const reply = await send(path, options);
  const answer = await reply.json();
  if (!reply.ok) throw new Refused(reply.status, answer.message);
  return answer;
}
