// The words below the plot: the finest part of the time at every mark, the larger part beneath the
// first mark and wherever it changes. All in the viewer's language and time zone.

import { locale } from "./texts.js";

const DAY_S = 86400;
const forms = (options) => new Intl.DateTimeFormat(locale, options);
const seconds = forms({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const minutes = forms({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const days = forms({ month: "short", day: "numeric" });
const months = forms({ month: "short" });
const years = forms({ year: "numeric" });

/** Labels for marks at `instants` (seconds since 1970) that stand `step` seconds apart. */
export function timeLabels(instants, step) {
  const [fine, large] = formsFor(step);
  let above = "";
  return instants.map((instant) => {
    const date = new Date(instant * 1000);
    const [small, wide] = [fine.format(date), large ? large.format(date) : ""];
    const changed = wide !== above;
    above = wide;
    return changed && wide ? `${small}\n${wide}` : small;
  });
}

function formsFor(step) {
  if (step < 60) return [seconds, days];
  if (step < DAY_S) return [minutes, days];
  if (step < 28 * DAY_S) return [days, years];
  return step < 360 * DAY_S ? [months, years] : [years, null];
}
