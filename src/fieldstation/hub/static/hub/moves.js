// Keyboard and touch on the plot. A move is told as a new range of time in seconds.

const STEP = 0.2;
const ZOOM = 2;

/** Arrow keys move, + and - zoom, Home calls `home`. `range()` gives the range shown now. */
export function bindKeys(box, range, go, home) {
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [from, to] = range();
    const length = to - from;
    const middle = (from + to) / 2;
    const moves = {
      ArrowLeft: () => go(from - STEP * length, to - STEP * length),
      ArrowRight: () => go(from + STEP * length, to + STEP * length),
      "+": () => go(middle - length / 2 / ZOOM, middle + length / 2 / ZOOM),
      "=": () => moves["+"](),
      "-": () => go(middle - (length / 2) * ZOOM, middle + (length / 2) * ZOOM),
      Home: home,
    };
    if (!Object.hasOwn(moves, event.key)) return;
    event.preventDefault();
    moves[event.key]();
  });
}

/** One finger moves, two fingers pinch. `preview` is called on the way, `go` at the end. */
export function bindTouch(area, range, preview, go) {
  let start = null;
  let latest = null;

  const places = (event) => {
    const box = area.getBoundingClientRect();
    const xs = [...event.touches].map((touch) => (touch.clientX - box.left) / box.width);
    return xs.sort((a, b) => a - b);
  };

  area.addEventListener("touchstart", (event) => {
    start = { range: latest ?? range(), at: places(event) };
  }, { passive: true });

  area.addEventListener("touchmove", (event) => {
    const now = places(event);
    if (!start || now.length !== start.at.length) return;
    latest = moved(start, now);
    preview(...latest);
    if (event.cancelable && now.length > 1) event.preventDefault();
  }, { passive: false });

  const end = (event) => {
    if (event.touches.length) {
      start = { range: latest ?? range(), at: places(event) };
      return;
    }
    if (latest) go(...latest);
    start = null;
    latest = null;
  };
  area.addEventListener("touchend", end);
  area.addEventListener("touchcancel", end);
}

// The instants under the fingers stay under the fingers.
function moved({ range: [from, to], at }, now) {
  const length = to - from;
  if (at.length === 1) {
    const shift = (at[0] - now[0]) * length;
    return [from + shift, to + shift];
  }
  const [a, b] = [from + at[0] * length, from + at.at(-1) * length];
  const scale = (b - a) / Math.max(now.at(-1) - now[0], 0.02);
  return [a - now[0] * scale, a + (1 - now[0]) * scale];
}
