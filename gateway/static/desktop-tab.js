// Leads a tab that has not been connected yet to the page that connects NEST Desktop.
//
// The token is in the storage of each tab, so that a second one has none, and NEST Desktop does not
// say why the server refuses it.

"use strict";

try {
  if (sessionStorage.getItem("nest-backend-store") === null) {
    location.replace(`start${location.hash}`);
  }
} catch {
  // Without a storage there is nothing to be connected by.
}
