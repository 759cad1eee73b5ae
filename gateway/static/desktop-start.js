// Connects NEST Desktop to this server and opens it.
//
// NEST Desktop takes address and token from an address with "?", too, but that would go to the
// server and stay in the address bar. This leaves them where NEST Desktop 4 itself keeps them.

import { readModels } from "./desktop-models.js";
import { ask, ROOT, Unauthorized } from "./server.js";
import { say } from "./showing.js";
import { takeTokenFromAddress, token } from "./token.js";

// The address is in the storage of the browser, the token in that of the tab, under one name.
const KEY = "nest-backend-store";

function leave(storage, state) {
  storage.setItem(KEY, JSON.stringify({ state }));
}

async function start() {
  takeTokenFromAddress();
  try {
    await ask("");
  } catch (error) {
    if (error instanceof Unauthorized) {
      // The page asks for the token, and leads back here.
      location.replace(new URL(`#desktop${location.hash.slice(1)}`, ROOT));
      return;
    }
    say(`NEST Server does not answer at ${ROOT.href}; is it running?`);
    return;
  }
  const url = ROOT.href.replace(/\/$/, "");
  // "Loaded": else it would fetch the address that is usual and take that.
  leave(localStorage, { enabled: true, loadedFromAssets: true, url });
  leave(sessionStorage, { accessToken: token() ?? "" });
  const place = location.hash.startsWith("#/") ? location.hash : "#/nest";
  await readModels(new URL("desktop/#/nest", ROOT));
  location.replace(new URL(`desktop/${place}`, ROOT));
}

start();
