// The page at "/": what runs here, as long as somebody looks, and how to connect.

import { fillLines, showDesktop } from "./connecting.js";
import { follow, unfollow } from "./live.js";
import { poll } from "./polling.js";
import { ask, Refused, ROOT, Unauthorized } from "./server.js";
import { accepted, askForToken, watchToken } from "./signing-in.js";
import { showGone, showLocked, showState } from "./state.js";
import { takeTokenFromAddress } from "./token.js";

const PAUSE_MS = 1000;

async function look() {
  try {
    const info = await ask("");
    accepted();
    goBackToDesktop(info.desktop);
    showState(info);
    showDesktop(info.desktop);
    follow(info);
  } catch (error) {
    if (error instanceof Unauthorized) {
      showLocked();
      unfollow();
      showDesktop(null);
      askForToken(error.shown);
    } else if (error instanceof Refused) {
      showGone();
      document.getElementById("remark").textContent = error.message;
    } else {
      showGone();
    }
  }
}

/** Who came from NEST Desktop for the token goes back to the place there that the address has. */
function goBackToDesktop(isThere) {
  const came = /^#desktop(\/.*)?$/.exec(location.hash);
  if (came === null || !isThere) return;
  location.replace(new URL(`desktop/start#${came[1] ?? ""}`, ROOT));
}

takeTokenFromAddress();
fillLines();
const lookNow = poll(look, PAUSE_MS);
watchToken(lookNow);
// A link with a token, opened where the page is already.
addEventListener("hashchange", () => {
  takeTokenFromAddress();
  lookNow();
});
