// The page with a PIN: its time left, the command to copy, and word of the station once it has its key.

import { hubNow } from "./state.js";
import { gettext, interpolate } from "./texts.js";

const ASK_MS = 2000;

const page = document.getElementById("pin-page");
const at = (id) => document.getElementById(id);
const { untilMs, keyedAtMs, state } = page.dataset;

// The PIN came as the answer to a form: loading this page again must not make another one.
history.replaceState(null, "", page.dataset.page);

function end(what) {
  clearInterval(ticking);
  clearInterval(asking);
  at("open").hidden = true;
  at(what).hidden = false;
}

function tick() {
  const left = Math.ceil((Number(untilMs) - hubNow()) / 1000);
  if (left <= 0) {
    end("over");
    return;
  }
  at("countdown").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

async function ask() {
  try {
    const answer = await fetch(state);
    if (!answer.ok) throw new Error(answer.statusText);
    const { keyed_at_ms: keyed, device } = await answer.json();
    at("waiting").textContent = gettext("Waiting for the station …");
    if (keyed === null || String(keyed) === keyedAtMs) return;
    at("device").textContent = device ? interpolate(gettext("It calls itself %(device)s."), { device }) : "";
    at("again").hidden = true;
    end("done");
  } catch {
    at("waiting").textContent = gettext("No line to the hub; trying again. The PIN stays good.");
  }
}

if (navigator.clipboard) {
  at("copy").hidden = false;
  at("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText(at("command").textContent);
    at("copy").textContent = at("copy").dataset.done;
  });
}

const ticking = setInterval(tick, 1000);
const asking = setInterval(ask, ASK_MS);
tick();
