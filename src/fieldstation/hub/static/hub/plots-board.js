// A dashboard: tiles are moved by drag or keyboard, resized, added, taken off; every change is kept at
// once and can be undone.

import { arrangement, makeTile, size } from "./plots-tiles.js";
import { gettext, interpolate } from "./texts.js";

const WIDEST = 4;
const TALLEST = 3;

const at = (id) => document.getElementById(id);
const board = at("board");
const here = location.pathname;
let dragged = null;

function show({ tiles, undo }) {
  const old = new Map([...board.children].map((item) => [item.dataset.plot, item]));
  const items = tiles.map((tile) => {
    const item = old.get(tile.plot) ?? makeTile(tile);
    old.delete(tile.plot);
    size(item, tile);
    return item;
  });
  const fresh = items.filter((item) => !item.isConnected);
  // Elements that stay are not taken out, so that focus stays, too.
  for (const item of old.values()) item.remove();
  items.forEach((item, i) => { if (board.children[i] !== item) board.insertBefore(item, board.children[i] ?? null); });
  for (const item of fresh) item.view.load();
  at("undo").disabled = !undo;
}

async function post(what, body) {
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const headers = { "X-CSRFToken": token, "Content-Type": "application/json" };
  try {
    const answer = await fetch(`${here}/${what}`, { method: "POST", headers, body: JSON.stringify(body ?? {}) });
    const data = await answer.json();
    if (!answer.ok) throw new Error(data.detail);
    at("board-problem").hidden = true;
    show(data);
  } catch (error) {
    at("board-problem").textContent = interpolate(gettext("The arrangement is not kept: %(error)s"), { error: error.message });
    at("board-problem").hidden = false;
  }
}

const keep = () => post("arrange", { tiles: arrangement(board) });

function act(item, what) {
  const [wide, tall] = [Number(item.dataset.wide), Number(item.dataset.tall)];
  if (what === "wider") size(item, { wide: (wide % WIDEST) + 1, tall });
  if (what === "taller") size(item, { wide, tall: (tall % TALLEST) + 1 });
  if (what === "remove") item.remove();
  keep();
}

function lift(grip, lifted) {
  grip.setAttribute("aria-pressed", String(lifted));
  grip.closest(".tile").classList.toggle("lifted", lifted);
  if (!lifted) keep();
}

function move(item, back) {
  const other = back ? item.previousElementSibling : item.nextElementSibling;
  if (!other) return;
  if (back) other.before(item);
  else other.after(item);
  item.querySelector(".grip").focus();
  at("said").textContent = interpolate(gettext("Place %(place)s of %(all)s"), {
    place: [...board.children].indexOf(item) + 1, all: board.children.length,
  });
}

board.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.act) act(button.closest(".tile"), button.dataset.act);
  else if (event.detail === 0) lift(button, button.getAttribute("aria-pressed") !== "true");
});

board.addEventListener("keydown", (event) => {
  const grip = event.target.closest('.grip[aria-pressed="true"]');
  if (!grip) return;
  const ways = { ArrowLeft: true, ArrowUp: true, ArrowRight: false, ArrowDown: false };
  if (event.key in ways) {
    event.preventDefault();
    move(grip.closest(".tile"), ways[event.key]);
  } else if (event.key === "Escape") lift(grip, false);
});

board.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest(".grip");
  if (!grip || event.button !== 0) return;
  dragged = grip.closest(".tile");
  dragged.classList.add("dragged");
  grip.setPointerCapture(event.pointerId);
  event.preventDefault();
});

board.addEventListener("pointermove", (event) => {
  if (!dragged) return;
  const under = document.elementFromPoint(event.clientX, event.clientY)?.closest(".tile");
  if (!under || under === dragged) return;
  const box = under.getBoundingClientRect();
  const behind = event.clientX > box.left + box.width / 2;
  if (behind) under.after(dragged);
  else under.before(dragged);
});

function drop() {
  dragged?.classList.remove("dragged");
  if (dragged) keep();
  dragged = null;
}
board.addEventListener("pointerup", drop);
board.addEventListener("pointercancel", drop);

at("undo").addEventListener("click", () => post("undo"));
function add() {
  const plot = at("add").value;
  at("add").value = "";
  if (plot) post("arrange", { tiles: [...arrangement(board).filter((tile) => tile.plot !== plot), { plot, wide: 2, tall: 1 }] });
}
at("add")?.addEventListener("change", add);

show(JSON.parse(at("board-facts").textContent));
for (const item of board.children) item.view.follow(() => true);
if (at("add")?.value) add(); // chosen while this was still on its way
