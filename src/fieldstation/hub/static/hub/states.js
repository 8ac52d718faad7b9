// The API's answer about states, and when live values make it stale.

/** Columns of states of some channels from `start` on. Throws what went wrong, in words. */
export async function fetchStates(api, names, start, points) {
  const query = new URLSearchParams({ channels: names.join(","), start, points });
  const answer = await fetch(`${api}/states?${query}`);
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.detail);
  return data.channels;
}

/**
 * Calls `load` at once, every `everyMs`, and when a live value of `names` differs from the last,
 * but not twice within `atLeastMs`. Returns what to call with live values.
 */
export function refreshed(names, values, load, { everyMs, atLeastMs }) {
  const last = new Map(names.map((name) => [name, values[name]]));
  let due = null;
  let at = 0;
  const run = () => { due = null; at = Date.now(); load(); };
  run();
  setInterval(() => { if (!document.hidden) run(); }, everyMs);
  return (fresh) => {
    const changed = names.filter((name) => fresh[name] !== undefined && fresh[name] !== last.get(name));
    for (const name of changed) last.set(name, fresh[name]);
    if (changed.length) due ??= setTimeout(run, Math.max(0, at + atLeastMs - Date.now()));
  };
}
