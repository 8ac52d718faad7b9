// What the plot shows, as the address of the page says it: channels, and a range of time.
// A view is {channels, range} with a word such as "24h", or {channels, from, to} in seconds.

const LENGTH_S = { "1h": 3600, "6h": 21600, "24h": 86400, "7d": 604800, "30d": 2592000, "1y": 31536000 };
const SHORTEST_S = 5;
const LONGEST_S = 30 * 31536000;

/** The view in the page's address; what it lacks comes from `facts`. */
export function viewOf(address, facts) {
  const query = new URL(address).searchParams;
  const known = new Set(facts.channels.map((channel) => channel.name));
  const named = (query.get("channels") ?? "").split(",").filter((name) => known.has(name));
  const first = facts.first.length ? facts.first : [facts.channels[0].name];
  const channels = query.has("channels") ? [...new Set(named)] : first;
  const from = Date.parse(query.get("from")) / 1000;
  const to = Date.parse(query.get("to")) / 1000;
  if (from < to) return { channels, from, to };
  const range = query.get("range");
  return { channels, range: range === "all" || range in LENGTH_S ? range : "24h" };
}

/** The query of the page's address for a view. */
export function queryOf(view) {
  const query = new URLSearchParams({ channels: view.channels.join(",") });
  if (view.range) query.set("range", view.range);
  else {
    query.set("from", instant(view.from));
    query.set("to", instant(view.to));
  }
  return `?${query}`;
}

/** The view's range in seconds since 1970, with `nowS` as the end of a range that has a name. */
export function spanOf(view, facts, nowS) {
  if (!view.range) return [view.from, view.to];
  if (view.range !== "all") return [nowS - LENGTH_S[view.range], nowS];
  const first = facts.firstMs ? facts.firstMs / 1000 : nowS - 86400;
  return [Math.min(first, nowS - 60), nowS];
}

/** The same channels over another range, which is kept between 5 seconds and 30 years. */
export function over(view, from, to) {
  const length = Math.min(Math.max(to - from, SHORTEST_S), LONGEST_S);
  const middle = (from + to) / 2;
  const start = Math.max(0, middle - length / 2);
  return { channels: view.channels, from: start, to: start + length };
}

/** Seconds since 1970 as RFC 3339 in UTC. */
export function instant(seconds) {
  return new Date(seconds * 1000).toISOString();
}
