// The access token: from the link that the server prints, or typed in; kept by this tab alone.

const KEY = "nest-server-token";

// For browsers that keep nothing.
let remembered = null;

/** The token of this tab; null if it has none. */
export function token() {
  try {
    return sessionStorage.getItem(KEY) ?? remembered;
  } catch {
    return remembered;
  }
}

/** Keep a token for as long as this tab is open; null forgets the one it has. */
export function keepToken(given) {
  remembered = given;
  try {
    if (given === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, given);
  } catch {
    // It is remembered until the page is left.
  }
}

/** Keep the token behind "#token=" in the address, and take it out of there. */
export function takeTokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given === null) return;
  history.replaceState(null, "", location.pathname + location.search);
  if (given.trim()) keepToken(given.trim());
}
