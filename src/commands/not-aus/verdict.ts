/** From what happened during a stop to what may be said about it. Never "stopped" without proof. */
import { differences } from "../../domain/proof/traffic.ts";
import { proving } from "../../domain/situation/next.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import type { CanaryConfig, StopDocument } from "../../domain/state/documents.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Outcome, Signal } from "../command.ts";
import { invocation } from "../lib/format.ts";
import type { LiveProof } from "../lib/prove-live.ts";
import { isLive } from "../lib/prove-live.ts";
import type { ProxyQuestion } from "../lib/proxy-health.ts";
import type { WriteResult } from "../lib/write-result.ts";
import { mayHaveWritten, wrote } from "../lib/write-result.ts";

export interface StopRun {
  stop: StopDocument;
  writes: { stop: WriteResult; config: WriteResult };
  stored:
    | { kind: "stored"; elapsedMs: number }
    | { kind: "released"; by: string }
    /** An earlier stop may be there all the same. */
    | { kind: "unknown"; earlier: StopDocument | null };
  proof: LiveProof;
  /** Still being asked after; the caller ends it. */
  proxyHealth: ProxyQuestion;
  /** `config` from before, when the read that was sent along with the writes caught it. */
  before: CanaryConfig | null;
  verify: boolean;
  interrupted: Signal | null;
}

export function stopVerdict<T extends { already: unknown }>(
  run: StopRun,
  data: T,
  ports: Pick<Ports, "target">,
): Outcome<T> {
  const again = invocation(ports.target, "not-aus");
  const verify = invocation(ports.target, "verify");
  const latched = wrote(run.writes.stop) || run.stored.kind === "stored" || seenByOwnId(run);
  const live = isLive(run.proof);
  const truth = truthOf(run, latched);

  if (run.interrupted !== null) {
    return {
      kind: "interrupted",
      signal: run.interrupted,
      truth,
      next: latched ? verify : again,
      data,
    };
  }
  if (run.stored.kind === "released") {
    const message = `${run.stored.by} released this stop before it was seen live`;
    const next = invocation(ports.target, "status");
    return {
      kind: "failed",
      code: "conflict",
      message,
      truth: "the stop is not in force",
      next,
      data,
    };
  }
  const shown = live || !run.verify;
  if (isProved(run) && shown) {
    const { dataset } = ports.target;
    const next = invocation(ports.target, proving({ hasMetrics: dataset !== null }));
    const changed = data.already === null;
    const headline = changed ? undefined : "already stopped; the stop was written again";
    return { kind: "done", changed, data, next, ...(headline && { headline }) };
  }
  if (latched && !shown) {
    return {
      kind: "pending",
      data,
      waitingFor: `every /qa to show the emergency; ${truth}`,
      next: verify,
    };
  }
  if (latched || wrote(run.writes.config) || anyAmbiguous(run)) {
    return {
      kind: "pending",
      data,
      waitingFor: `proof that the stop is stored; ${truth}`,
      next: again,
    };
  }
  return failure(run, data, truth, again);
}

/** Nothing of this stop is known to be written or under way; or somebody has released it since. */
export function isWithoutEffect(run: StopRun): boolean {
  if (run.stored.kind === "released") return true;
  const written = wrote(run.writes.stop) || wrote(run.writes.config) || isProved(run);
  return !written && !anyAmbiguous(run);
}

/** No way that uses this token can help. */
export function isTokenRefused({ writes: { stop } }: StopRun): boolean {
  return stop.kind === "failed" && (stop.error.kind === "auth" || stop.error.kind === "forbidden");
}

function failure<T>(run: StopRun, data: T, truth: string, again: string): Outcome<T> {
  const { stop } = run.writes;
  const error = stop.kind === "failed" ? stop.error : null;
  const auth = isTokenRefused(run);
  const refused = auth || error?.kind === "rejected";
  const why = error?.message ?? "unknown";
  const earlier = run.stored.kind === "unknown" ? run.stored.earlier : null;
  const { seen, asked } = emergenciesSeen(run);
  const place = asked > 0 && seen === asked ? "in force" : "stored";
  const message =
    earlier === null
      ? `the stop could not be written: ${why}`
      : `the earlier stop by ${earlier.by ?? UNKNOWN_AUTHOR} is ${place}; this one ${refused ? "was refused" : "could not be written"} (${why})`;
  const next = auth ? `${again} --token-file ANOTHER_TOKEN` : again;
  return { kind: "failed", code: auth ? "auth" : "upstream", message, truth, next, data };
}

/** At how many of the `/qa` that were asked an emergency was seen. */
function emergenciesSeen({ proof: { sightings } }: StopRun): { seen: number; asked: number } {
  const missing = differences({ emergency: true }, sightings).length;
  return { seen: sightings.length - missing, asked: sightings.length };
}

/**
 * An acknowledgement is no proof, nor is an emergency at `/qa` that another stop may have caused:
 * this one must have been read back, or seen by its own id.
 */
function isProved(run: StopRun): boolean {
  return run.stored.kind === "stored" || seenByOwnId(run);
}

/** The answer to the write was lost, yet a location shows this very stop: it is written. */
function seenByOwnId(run: StopRun): boolean {
  return run.proof.sightings.some(
    (s) => s.qa?.stop.active === true && s.qa.stop.id === run.stop.id,
  );
}

function anyAmbiguous(run: StopRun): boolean {
  return mayHaveWritten(run.writes.stop) || mayHaveWritten(run.writes.config);
}

function truthOf(run: StopRun, latched: boolean): string {
  const { seen, asked } = emergenciesSeen(run);
  const live = `emergency seen at ${seen} of ${asked} /qa`;
  if (latched) return `the stop is ${run.stored.kind === "stored" ? "stored" : "written"}, ${live}`;
  if (wrote(run.writes.config))
    return `only config holds the emergency, the stop is not written, ${live}`;
  if (anyAmbiguous(run)) return `the stop may be written (no answer from the API), ${live}`;
  return `nothing is known to be written, ${live}`;
}
