/** Makes a failing history shorter, piece by piece, as long as it still breaks the same rule. */
import type { Operation, Plan } from "./plan.ts";
import { play } from "./play.ts";
import type { Twin } from "./twins.ts";

const MOST_TRIES = 600;

export async function shrink(plan: Plan, twin: Twin, rule: string): Promise<Plan> {
  let best = plan;
  let tries = 0;
  for (let again = true; again; ) {
    again = false;
    for (const smaller of smallerOnes(best)) {
      if (tries >= MOST_TRIES) return best;
      tries += 1;
      const { broken } = await play(smaller, twin);
      if (broken?.rule !== rule) continue;
      best = smaller;
      again = true;
      break;
    }
  }
  return best;
}

/** The great cuts first. */
function* smallerOnes(plan: Plan): Generator<Plan> {
  if (plan.guardian !== null) yield { ...plan, guardian: null };
  if (plan.restores) yield { ...plan, restores: false };
  for (const operations of without(plan.operations)) yield { ...plan, operations };
  for (const faults of without(plan.faults)) yield { ...plan, faults };
  for (const locations of without(plan.locations)) {
    if (!locations.some(({ hasQa }) => hasQa)) continue;
    const isThere = (at: string | null): boolean =>
      at === null || locations.some(({ name }) => name === at);
    const isolates = plan.isolates.filter(({ at }) => isThere(at));
    const faults = plan.faults.filter(({ at }) => isThere(at));
    if (isThere(plan.guardian?.at ?? null)) yield { ...plan, locations, isolates, faults };
  }
  for (const isolates of without(plan.isolates)) yield { ...plan, isolates };
  if (plan.stopped) yield { ...plan, stopped: false };
  if (plan.beacon !== null) yield { ...plan, beacon: null };
  if (plan.apiMs > 120) yield { ...plan, apiMs: 120 };
  yield* plainer(plan);
}

function* without<T>(list: readonly T[]): Generator<T[]> {
  for (const index of list.keys()) yield list.filter((_, other) => other !== index);
}

/** The same people and places, with less that is odd about them. */
function* plainer(plan: Plan): Generator<Plan> {
  for (const [index, isolate] of plan.isolates.entries()) {
    const put = (visitsMs: readonly number[]): Plan => ({
      ...plan,
      isolates: plan.isolates.with(index, { ...isolate, visitsMs }),
    });
    if (isolate.visitsMs.length > 0) yield put([]);
    if (isolate.visitsMs.length > 1)
      for (const visits of without(isolate.visitsMs)) yield put(visits);
  }
  for (const [index, location] of plan.locations.entries()) {
    if (location.tiers === 1) continue;
    yield { ...plan, locations: plan.locations.with(index, { ...location, tiers: 1 }) };
  }
  for (const [index, operation] of plan.operations.entries()) {
    for (const change of plainerOperations(operation))
      yield { ...plan, operations: plan.operations.with(index, { ...operation, ...change }) };
  }
}

function* plainerOperations(operation: Operation): Generator<Partial<Operation>> {
  if (operation.timeoutMs > 10_000) yield { timeoutMs: 10_000 };
  if (operation.skewMs !== 0) yield { skewMs: 0 };
  if (operation.killMs !== null) yield { killMs: null };
  if (operation.interruptMs !== null) yield { interruptMs: null };
}
