// Markers on curves, named as in matplotlib.

const SIZE = 7;
const third = (Math.PI * 2) / 3;
const TURNS = { "^": -Math.PI / 2, v: Math.PI / 2, "<": Math.PI, ">": 0 };

function add(path, marker, x, y, r) {
  if (marker === ",") path.rect(x - 0.5, y - 0.5, 1, 1);
  else if (marker in TURNS) {
    [0, 1, 2].forEach((corner) => {
      const angle = TURNS[marker] + corner * third;
      path[corner ? "lineTo" : "moveTo"](x + r * Math.cos(angle), y + r * Math.sin(angle));
    });
    path.closePath();
  } else {
    path.moveTo(x + r, y);
    path.arc(x, y, marker === "." ? r / 2 : r, 0, 2 * Math.PI);
  }
}

/** uPlot's `points` for a marker of a series in a colour. */
export function points(marker, colour) {
  return {
    show: true,
    size: SIZE,
    fill: colour,
    stroke: colour,
    paths: (u, at, first, last) => {
      const path = new Path2D();
      const { scale } = u.series[at];
      for (let i = first; i <= last; i += 1) {
        const value = u.data[at][i];
        if (value === null || value === undefined) continue;
        const [x, y] = [u.valToPos(u.data[0][i], "x", true), u.valToPos(value, scale, true)];
        add(path, marker, x, y, (SIZE / 2) * devicePixelRatio);
      }
      return { fill: path, stroke: null, clip: null, flags: 0 };
    },
  };
}
