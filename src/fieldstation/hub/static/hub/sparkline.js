// The small curve on a card: mean as a line, minimum to maximum as a band, gaps left open.

import { reach } from "./gaps.js";

const SVG = "http://www.w3.org/2000/svg";
// A day in steps of ten minutes: two pixels each.
const POINTS = 145;

/** Fetches the last 24 hours and draws them into the `svg` of a card. */
export async function drawSparkline(svg) {
  const { api, channel } = svg.dataset;
  const query = new URLSearchParams({ channels: channel, start: "-24h", points: POINTS });
  const answer = await fetch(`${api}/buckets?${query}`);
  if (!answer.ok) return;
  const data = await answer.json();
  const bucket = data.channels[0];
  svg.replaceChildren();
  if (bucket.start_s.length) paint(svg, bucket, data);
}

function paint(svg, bucket, data) {
  const { width, height } = svg.viewBox.baseVal;
  const from = Date.parse(data.start) / 1000;
  const to = Date.parse(data.end) / 1000;
  const low = Math.min(...bucket.min);
  const high = Math.max(...bucket.max);
  const tall = high - low || 1;
  const x = (s) => ((Math.max(0, s - from) / (to - from)) * width).toFixed(1);
  const y = (v) => (height - 3 - ((v - low) / tall) * (height - 6)).toFixed(1);
  const longest = reach(bucket.start_s, data.span_s, 0);
  const band = [];
  const line = [];
  for (const [a, b] of runs(bucket.start_s, longest)) {
    const places = Array.from({ length: b - a }, (_, i) => a + i);
    const point = (values) => (i) => `${x(bucket.start_s[i])} ${y(values[i])}`;
    line.push(`M${places.map(point(bucket.mean)).join("L")}`);
    const below = places.toReversed().map(point(bucket.min));
    band.push(`M${[...places.map(point(bucket.max)), ...below].join("L")}Z`);
  }
  svg.append(shape("floor", `M0 ${height - 0.5}H${width}`));
  svg.append(shape("band", band.join("")), shape("mean", line.join("")));
}

function runs(starts, longest) {
  const cuts = starts.flatMap((s, i) => (i > 0 && s - starts[i - 1] > longest ? [i] : []));
  return [0, ...cuts].map((a, i) => [a, [...cuts, starts.length][i]]);
}

function shape(name, path) {
  const node = document.createElementNS(SVG, "path");
  node.setAttribute("class", name);
  node.setAttribute("d", path);
  return node;
}
