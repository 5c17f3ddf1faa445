/** The policy's questions, asked all at once; who answers them differs between the command line and the Worker. */
import type { OrphanRow, Window } from "../metrics/queries.ts";
import { failureBuckets, healthBuckets } from "../metrics/queries.ts";
import type { Policy } from "./numbers.ts";
import type { Ask, Observations, Observed } from "./observations.ts";
import { questions } from "./observations.ts";

/** None rejects. */
export interface Witnesses {
  ask: Ask;
  /** Intents made in the window that were not caught by an emergency. */
  orphans(window: Window): Promise<Observed<OrphanRow>>;
  lastReductionS: Promise<Observations["lastReductionS"]>;
}

/** Never rejects: what could not be had is unseen, and unseen is never good news. */
export async function observeNative(
  nowS: number,
  policy: Policy,
  { ask, orphans: askOrphans, lastReductionS: reading }: Witnesses,
): Promise<Observations> {
  const windows = questions(nowS, policy);
  const { bucketSeconds } = policy;
  const [health, failures, orphans, lastReductionS] = await Promise.all([
    ask((dataset) => healthBuckets(dataset, windows.health, bucketSeconds)),
    ask((dataset) => failureBuckets(dataset, windows.failures, bucketSeconds)),
    askOrphans(windows.orphans),
    reading,
  ]);
  return { nowS, health, failures, orphans, lastReductionS };
}
