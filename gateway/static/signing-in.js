// The field for the token, and the button that forgets it.

import { show } from "./showing.js";
import { keepToken, token } from "./token.js";

const form = document.getElementById("sign-in");
const field = document.getElementById("token");
const problem = document.getElementById("token-problem");
const forget = document.getElementById("forget");
const title = document.getElementById("state-title");

/** Call `changed` when there is another token, or none any more. */
export function watchToken(changed) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    keepToken(field.value.trim());
    field.value = "";
    changed();
  });
  forget.addEventListener("click", () => {
    keepToken(null);
    changed();
  });
}

/** Ask for the token, as the server has not taken `shown`; null if it was shown none. */
export function askForToken(shown) {
  // Another one may have been given since.
  if (shown !== token()) return;
  const asked = form.dataset.shown === "yes";
  const wrong = shown !== null;
  if (wrong) {
    keepToken(null);
    problem.textContent = "This server has another token. It makes a new one at each start.";
    field.setAttribute("aria-invalid", "true");
  }
  show(form, true);
  showWhether(null);
  // Whoever is at something else on the page is left there.
  const elsewhere = document.activeElement !== document.body && document.activeElement !== forget;
  if (wrong || (!asked && !elsewhere)) field.focus();
}

/** The server takes the token, or asks for none. */
export function accepted() {
  const signingIn = form.contains(document.activeElement);
  problem.textContent = "";
  field.removeAttribute("aria-invalid");
  show(form, false);
  showWhether(token() !== null);
  // The field is gone; what comes after it is what it was filled in for.
  if (signingIn) title.focus();
}

/** Show whether there is a token; null while that is open. */
function showWhether(there) {
  show(document.getElementById("has-token"), there === true);
  show(document.getElementById("no-token"), there === false);
}
