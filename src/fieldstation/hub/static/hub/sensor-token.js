// The page with a new token: programs to copy, and word of the first post once it is there.

import { followCopies, followTabs } from "./copy.js";
import { latestOf } from "./posted.js";
import { gettext } from "./texts.js";

const ASK_MS = 1500;
const page = document.getElementById("token-page");
const waiting = document.getElementById("waiting");
const words = waiting.textContent;
// What had arrived when this page was made; a post may be quicker than this script.
const { before } = page.dataset;

// The token came as the answer to a form: loading this page again must not make another one.
history.replaceState(null, "", page.dataset.page);
followCopies();
followTabs(document.getElementById("snippets"));

async function ask() {
  try {
    const latest = await latestOf(page.dataset.api);
    waiting.textContent = words;
    if (!latest || latest.received === before) return;
    clearInterval(asking);
    waiting.hidden = true;
    document.getElementById("document").textContent = JSON.stringify(latest.document, null, 2);
    document.getElementById("arrived").hidden = false;
  } catch {
    waiting.textContent = gettext("No line to the hub; trying again. The token stays good.");
  }
}

const asking = setInterval(ask, ASK_MS);
ask();
