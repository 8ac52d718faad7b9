// The list of gateways: ages that count on. Reloads now and then, for what else may have changed.

import { followMoments } from "./moments.js";

const RELOAD_MS = 60_000;

followMoments();
setInterval(() => { if (!document.hidden) location.reload(); }, RELOAD_MS);
