// How to connect: the lines to copy, with the address of this server in them.

import { ROOT } from "./server.js";
import { say, show } from "./showing.js";

const SHOWN_MS = 2000;

const ADDRESS = {
  url: ROOT.href.replace(/\/$/, ""),
  host: ROOT.hostname,
  port: ROOT.port || (ROOT.protocol === "https:" ? "443" : "80"),
};

/** Write the address of this server into all lines, and have their buttons copy them. */
export function fillLines() {
  for (const element of document.querySelectorAll("[data-address]")) {
    element.textContent = ADDRESS[element.dataset.address];
  }
  for (const button of document.querySelectorAll("[data-copies]")) {
    button.addEventListener("click", () => copied(button));
  }
}

/** Show how to get to NEST Desktop, `here` or elsewhere; null while that is not known. */
export function showDesktop(here) {
  show(document.getElementById("desktop-unknown"), here === null);
  show(document.getElementById("desktop-here"), here === true);
  show(document.getElementById("desktop-missing"), here === false);
  show(document.getElementById("desktop-copy"), here === false);
}

async function copied(button) {
  const lines = document.getElementById(button.dataset.copies);
  const done = await copy(lines);
  const word = button.firstElementChild;
  word.textContent = done ? "Copied" : "Press Ctrl-C";
  say(done ? "Copied" : "The lines are selected: press Ctrl-C");
  clearTimeout(Number(button.dataset.timer));
  button.dataset.timer = String(
    setTimeout(() => {
      word.textContent = "Copy";
      say("");
    }, SHOWN_MS),
  );
}

/** Copy the text of `element`; if the browser does not let us, select it. */
async function copy(element) {
  try {
    await navigator.clipboard.writeText(`${element.textContent}\n`);
    return true;
  } catch {
    // Browsers have a clipboard for pages of this machine and of HTTPS only.
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}
