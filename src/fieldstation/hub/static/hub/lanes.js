// States over time, drawn above the curves of a plot: one lane for each flag or enumeration, a
// coloured span for each time in which it kept its value, with the label where there is room.

import { valueText } from "./format.js";
import { gettext } from "./texts.js";

/** Height of one lane and of the words in it, in CSS pixels. */
export const LANE = 46;
const BAR = 22;
const COLOURS = 8;

/** True for a channel that is drawn as a lane. */
export const isState = (channel) => channel.kind === "enum" || channel.kind === "flag";

/** The label of the span at `at` seconds; of the last span without `at`. */
export function stateAt(channel, states, at) {
  if (!states?.value.length) return "–";
  const place = at === null ? states.value.length - 1 : spanAt(states, at);
  return place < 0 ? "–" : label(channel, states.value[place]);
}

function spanAt(states, at) {
  return states.start_s.findIndex((start, i) => start <= at && at < states.end_s[i]);
}

function label(channel, value) {
  return value === null ? gettext("several") : valueText(channel, value);
}

/** The name of the colour of a value: codes in the order of the table, flags lit or not. */
export function colourOf(channel, value) {
  if (value === null) return "--muted";
  if (channel.kind === "flag") return value ? "--curve-0" : "--state-off";
  const place = Object.keys(channel.codes).indexOf(String(value));
  return place < 0 ? "--muted" : `--curve-${place % COLOURS}`;
}

/**
 * Draws `channels` with their `answers` of the API from the top of the plot `u` down. `css(name)`
 * gives a colour of the page.
 */
export function drawLanes(u, channels, answers, css) {
  const ratio = devicePixelRatio;
  const { left, top, width } = u.bbox;
  const { ctx } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, channels.length * LANE * ratio);
  ctx.clip();
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  channels.forEach((channel, i) => {
    const y = top + i * LANE * ratio;
    const unsaid = answers[i] ? drawSpans(u, channel, answers[i], y + 19 * ratio, ratio, css) : [];
    ctx.font = `600 ${12 * ratio}px system-ui, sans-serif`;
    ctx.fillStyle = css("--muted");
    ctx.fillText(channel.label, left + 2 * ratio, y + 10 * ratio);
    const behind = left + ctx.measureText(channel.label).width + 16 * ratio;
    drawLegend(ctx, channel, unsaid, behind, y + 10 * ratio, ratio, css);
  });
  ctx.restore();
}

// Returns the values that found no room for their label.
function drawSpans(u, channel, states, y, ratio, css) {
  const { ctx } = u;
  const said = new Set();
  ctx.font = `550 ${12 * ratio}px system-ui, sans-serif`;
  states.value.forEach((value, i) => {
    const x = u.valToPos(states.start_s[i], "x", true);
    const wide = Math.max(ratio, u.valToPos(states.end_s[i], "x", true) - x);
    ctx.fillStyle = css(colourOf(channel, value));
    ctx.fillRect(x, y, wide, BAR * ratio);
    const [shown, until] = [Math.max(x, u.bbox.left), Math.min(x + wide, u.bbox.left + u.bbox.width)];
    const words = label(channel, value);
    if (ctx.measureText(words).width + 12 * ratio > until - shown) return;
    const off = channel.kind === "flag" && !value;
    ctx.fillStyle = css(off ? "--text" : "--on-accent");
    ctx.fillText(words, shown + 6 * ratio, y + (BAR / 2) * ratio);
    said.add(value);
  });
  return [...new Set(states.value)].filter((value) => !said.has(value));
}

function drawLegend(ctx, channel, values, x, y, ratio, css) {
  const size = 9 * ratio;
  ctx.font = `${12 * ratio}px system-ui, sans-serif`;
  for (const value of values) {
    ctx.fillStyle = css(colourOf(channel, value));
    ctx.fillRect(x, y - size / 2, size, size);
    ctx.fillStyle = css("--muted");
    ctx.fillText(label(channel, value), x + size + 4 * ratio, y);
    x += size + 18 * ratio + ctx.measureText(label(channel, value)).width;
  }
}
