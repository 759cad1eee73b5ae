// Loads the server's document and shows it. The token is kept for this tab only, and is never
// part of an address that is sent: it comes from the form, or from "#token=…".
"use strict";

// Under the name that the page at "/" keeps it under, see token.js.
const KEY = "nest-server-token";
const form = document.getElementById("ask");
const state = document.getElementById("state");

function takeTokenFromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return;
  sessionStorage.setItem(KEY, token);
  // Out of the address bar and of the history.
  history.replaceState(null, "", location.pathname);
}

function say(text) {
  state.textContent = text;
  state.hidden = text === "";
}

function ask() {
  form.hidden = false;
  document.getElementById("token").focus();
}

async function load() {
  const token = sessionStorage.getItem(KEY);
  const headers = token ? { NESTServerAuth: token } : {};
  let reply;
  try {
    reply = await fetch("../openapi.json", { headers });
  } catch {
    say("The server does not answer.");
    return;
  }
  if (reply.status === 403) {
    sessionStorage.removeItem(KEY);
    say(token ? "This is not the token of this server." : "");
    ask();
    return;
  }
  if (!reply.ok) {
    const told = await reply.json().catch(() => ({}));
    say(told.message ?? `The server answered with status ${reply.status}.`);
    if (reply.status === 503) {
      setTimeout(load, 1000 * Number(reply.headers.get("Retry-After") ?? 2));
    }
    return;
  }
  show(await reply.json(), token);
}

function show(spec, token) {
  say("");
  // Also behind a proxy that puts a path before it.
  spec.servers = [{ url: new URL("..", location.href).href.replace(/\/$/, "") }];
  form.hidden = true;
  const ui = SwaggerUIBundle({
    spec,
    domNode: document.getElementById("document"),
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: -1,
    // Else Swagger UI asks a server of its makers.
    validatorUrl: null,
    onComplete: () => token && ui.preauthorizeApiKey("NESTServerAuth", token),
  });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  form.hidden = true;
  sessionStorage.setItem(KEY, document.getElementById("token").value.trim());
  say("Loading …");
  load();
});

takeTokenFromAddress();
load();
