// Buckets of one channel as a table for the plot, with a hole wherever readings are missing.

// Where the cadence was changed the slower one is usual, too, as long as a tenth of the readings has
// it; of a few readings the middle distance is.
const MANY = 50;
const usualAt = (count) => Math.floor(count * (count < MANY ? 0.5 : 0.9));

/**
 * Longest distance in seconds between neighbours that are still joined: twice what is usual in this
 * piece of the series. So one late reading joins and a second missing one shows.
 */
export function reach(starts, span, every) {
  const steps = [];
  for (let i = 1; i < starts.length; i += 1) steps.push(starts[i] - starts[i - 1]);
  steps.sort((a, b) => a - b);
  const usual = steps.length ? steps[usualAt(steps.length)] : 0;
  return 2 * Math.max(span, every, usual);
}

/** `[x, ...columns]` with a row of nulls inside every gap, as uPlot draws gaps. */
export function withGaps(starts, columns, longest) {
  const out = [[], ...columns.map(() => [])];
  starts.forEach((start, i) => {
    if (i > 0 && start - starts[i - 1] > longest) {
      out[0].push((start + starts[i - 1]) / 2);
      for (let c = 0; c < columns.length; c += 1) out[c + 1].push(null);
    }
    out[0].push(start);
    columns.forEach((column, c) => out[c + 1].push(column[i]));
  });
  return out;
}

/** Places of values that have a gap on both sides; a line alone would not show them. */
export function lonely(column) {
  const alone = [];
  let before = null;
  let place = -1;
  const settle = (after) => { if (place >= 0 && before === null && after === null) alone.push(place); };
  let last = null;
  column.forEach((value, i) => {
    if (value === undefined) return;
    settle(value);
    before = last;
    last = value;
    place = value === null ? -1 : i;
  });
  settle(null);
  return alone;
}
