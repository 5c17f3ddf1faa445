/** What a stop comes to. */
import type { LiveProof } from "../lib/prove-live.ts";

export interface NotAusData {
  /** null when it is known that this stop was not written (its mirror may be), or is no longer in force. */
  stop: { id: string; at: string } | null;
  /** `worker_ms`: by the Worker itself, to these carriers; absent without an operator key. */
  written: {
    stop_ms: number | null;
    config_ms: number | null;
    worker_ms?: number | null;
    carriers?: readonly string[];
  };
  /** Why the API did not take the stop, where the Worker alone did. */
  api_problem?: string;
  /** Why the beacon does not bring the stop to all locations; absent where nothing says so. */
  beacon_problem?: string;
  stored: { stop_ms: number | null };
  live: LiveProof["live"];
  missing: LiveProof["missing"];
  /** The emergency that was already on, if one was. */
  already: { at: string; by: string | null; reason: string | null } | null;
  /** What is wrong with proxy itself, as far as was known by the end. */
  proxy_sick: string | null;
  /** Lines by hand; none where none can work. */
  manual: readonly string[];
  /** The next rungs, should this one not be enough; none while the API, which they need, does not answer. */
  ladder: readonly string[];
  at_ms: number;
}

/** By the API or by the Worker; else the beacon alone may have it. */
export function isInKv({
  written: { stop_ms, carriers = [] },
}: Pick<NotAusData, "written">): boolean {
  return stop_ms !== null || carriers.includes("kv");
}

/** By the Worker's word, or by what a `/qa` shows of this very stop. */
export function isInBeacon({
  written: { carriers = [] },
  live,
  beacon_problem,
}: Pick<NotAusData, "written" | "live" | "beacon_problem">): boolean {
  if (beacon_problem !== undefined) return false;
  return carriers.includes("beacon") || live.some((at) => at.carriers?.includes("beacon"));
}
