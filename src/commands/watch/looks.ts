/** Looks at each `/qa`, quickly while it has news. */
import type { Sighting } from "../../domain/proof/expectation.ts";
import { compare, expectationOf } from "../../domain/proof/expectation.ts";
import type { WatchModel } from "./model.ts";
import { looked } from "./model.ts";
import type { Run } from "./pace.ts";
import { jittered, pause, wakeUp } from "./pace.ts";

/** Every n-th look at `/qa` waits for the pings of native and proxy. */
const FULL_LOOK_EVERY = 5;

/** /qa lets a token holder look 300 times a minute; this is half of it, for all URLs together. */
const LOOKS_PER_MINUTE = 150;

const QUICKEST_LOOK_MS = 2_000;

/** Without a token, or with one that is refused, /qa allows 10 looks a minute. */
const REFUSED_LOOK_MS = 10_000;

const SLOWEST_LOOK_MS = 60_000;

export async function repeatLooks(run: Run, index: number): Promise<void> {
  const { ports, model } = run;
  const least = Math.max(QUICKEST_LOOK_MS, (model.looks.length * 60_000) / LOOKS_PER_MINUTE);
  let waitMs = least;
  for (let nth = 0; !run.signal.aborted; nth += 1) {
    const look = model.looks[index];
    if (look === undefined) return;
    const full = nth % FULL_LOOK_EVERY === 0;
    const sighting = await ports.qa.look(look.url, {
      signal: run.signal,
      health: full ? "full" : "cached",
    });
    if (run.signal.aborted) return;
    const before = look.part.value;
    model.looks[index] = looked(look, sighting, full);
    if (isNews(model, before, sighting)) wakeUp(run, "state");
    run.changed();
    waitMs = lookDelay(sighting, waitMs, least);
    if (!(await pause(run, jittered(run, waitMs)))) return;
  }
}

function lookDelay({ status }: Sighting, lastMs: number, leastMs: number): number {
  if (status === 429) return Math.min(SLOWEST_LOOK_MS, Math.max(lastMs, leastMs) * 2);
  return status === 401 || status === 403 ? Math.max(REFUSED_LOOK_MS, leastMs) : leastMs;
}

/** The location shows another state than before, and it is not the one that we know to be stored. */
function isNews(model: WatchModel, before: Sighting | null, now: Sighting): boolean {
  const stored = model.state.value;
  if (stored === null || before === null || now.problem !== null) return false;
  const shown = ({ qa, decision }: Sighting): string =>
    `${qa?.canary.revision} ${qa?.canary.emergency_proxy} ${decision?.reason === "emergency"}`;
  return shown(before) !== shown(now) && !compare(expectationOf(stored), now).seen;
}
