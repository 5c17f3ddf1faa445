/** From what happened during a stop to what may be said about it. Never "stopped" without proof. */
import { proving } from "../../domain/situation/next.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Outcome } from "../command.ts";
import { invocation } from "../lib/format.ts";
import { isLive } from "../lib/prove-live.ts";
import { localFixOf } from "../lib/signed.ts";
import { isUnanswered, mayHaveWritten, wrote } from "../lib/write-result.ts";
import { isInKv, type NotAusData } from "./data.ts";
import { allShownAt, earlierOf, emergenciesSeen } from "./earlier.ts";
import type { StopRun } from "./stop-run.ts";

export function stopVerdict<T extends Pick<NotAusData, "already" | "written">>(
  run: StopRun,
  data: T,
  ports: Pick<Ports, "target">,
): Outcome<T> {
  const again = withFix(run, invocation(ports.target, "not-aus"));
  const verify = invocation(ports.target, "verify");
  const latched = isLatched(run);
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
    // Where the beacon alone has it, the other carrier comes before any further proof.
    const next = isInKv(data)
      ? invocation(ports.target, proving({ hasMetrics: dataset !== null }))
      : again;
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
    const unwritten = isUnwritten(run) ? `a repeat: the stop ${refusal(run)}` : null;
    const waitingFor = `${unwritten ?? "proof that the stop is stored"}; ${truth}`;
    return { kind: "pending", data, waitingFor, next: again };
  }
  return failure(run, data, again);
}

/** The stop itself is known to be written; the emergency in `config` alone is not one. */
function isLatched(run: StopRun): boolean {
  return wrote(run.writes.stop) || wrote(run.writes.signed) || isProved(run);
}

/** The stop itself is known not to be written, whatever became of its mirror in `config`. */
export function isUnwritten(run: StopRun): boolean {
  const { stop, signed } = run.writes;
  return !isLatched(run) && !mayHaveWritten(stop) && !mayHaveWritten(signed);
}

/** Nothing of this stop is known to be written or under way; or somebody has released it since. */
export function isWithoutEffect(run: StopRun): boolean {
  if (run.stored.kind === "released") return true;
  const written = isLatched(run) || wrote(run.writes.config);
  return !written && !anyAmbiguous(run);
}

/** What the API did not answer at all: no way that needs it can help, be it another rung or by hand. */
export function isApiSilent({ writes: { stop } }: Pick<StopRun, "writes">): boolean {
  return isUnanswered(stop);
}

/** Where only the operator key is in the way of a stop, it is repaired first. */
function withFix({ writes: { stop, signed } }: StopRun, again: string): string {
  const fix = wrote(stop) ? null : localFixOf(signed);
  return fix === null ? again : `${fix} && ${again}`;
}

/** No way that uses this token can help. */
export function isTokenRefused({ writes: { stop } }: StopRun): boolean {
  return stop.kind === "failed" && (stop.error.kind === "auth" || stop.error.kind === "forbidden");
}

function failure<T>(run: StopRun, data: T, again: string): Outcome<T> {
  const auth = isTokenRefused(run);
  const earlier = earlierOf(run);
  const message =
    earlier === null
      ? `the stop could not be written: ${whyNot(run)}`
      : `${earlier.text}; this one ${refusal(run)}`;
  const next = auth ? `${again} --token-file ANOTHER_TOKEN` : again;
  const truth = `nothing is known to be written, ${seenText(run)}`;
  return { kind: "failed", code: auth ? "auth" : "upstream", message, truth, next, data };
}

function refusal(run: StopRun): string {
  const { stop } = run.writes;
  const rejected = stop.kind === "failed" && stop.error.kind === "rejected";
  const refused = rejected || isTokenRefused(run);
  return `${refused ? "was refused" : "could not be written"} (${whyNot(run)})`;
}

function whyNot({ writes: { stop, signed } }: StopRun): string {
  const api = stop.kind === "failed" ? stop.error.message : "unknown";
  return signed.kind === "failed" ? `${api}; the Worker: ${signed.error.message}` : api;
}

/**
 * An acknowledgement is no proof, nor is an emergency at `/qa` that another stop may have caused:
 * this one must have been read back, or seen by its own id.
 */
function isProved(run: StopRun): boolean {
  return run.stored.kind === "stored" || seenByOwnId(run);
}

/** The answer to the write was lost, yet a location shows this very stop: it is written. */
function seenByOwnId({ stop, proof: { sightings } }: StopRun): boolean {
  return sightings.flatMap(allShownAt).some(({ key, id }) => key === "stop" && id === stop.id);
}

function anyAmbiguous(run: StopRun): boolean {
  return Object.values(run.writes).some(mayHaveWritten);
}

function truthOf(run: StopRun, latched: boolean): string {
  const live = seenText(run);
  if (latched) {
    const covered = overwrittenText(run);
    return `the stop is ${proofWord(run)}, ${live}${covered === null ? "" : `; ${covered}`}`;
  }
  const earlier = earlierOf(run);
  const own = unlatchedText(run, earlier === null ? "the stop" : "this one");
  return `${earlier === null ? "" : `${earlier.text}; `}${own}, ${live}`;
}

function proofWord({ stored }: StopRun): string {
  return stored.kind === "stored" ? "stored" : "written";
}

function unlatchedText(run: StopRun, name: "the stop" | "this one"): string {
  const { stop, config, signed } = run.writes;
  const mayBe = mayHaveWritten(stop) || mayHaveWritten(signed);
  const lost = stop.kind === "failed" && stop.error.status === null;
  const why = lost ? "no answer from the API" : whyNot(run);
  const maybe = name === "the stop" ? "may be written" : "may not have been written";
  const own = `${name} ${mayBe ? `${maybe} (${why})` : "is not written"}`;
  if (wrote(config)) return `config holds this emergency, ${own}`;
  if (mayBe) return own;
  if (mayHaveWritten(config)) return `config may hold this emergency, ${own}`;
  return "nothing is known to be written";
}

/** The API took the stop, yet reads go on to show another. */
function overwrittenText({ stored }: StopRun): string | null {
  if (stored.kind !== "unknown" || stored.earlier === null) return null;
  return `reads still show the earlier stop by ${stored.earlier.by ?? UNKNOWN_AUTHOR}`;
}

function seenText(run: StopRun): string {
  const { seen, asked } = emergenciesSeen(run);
  return `emergency seen at ${seen} of ${asked} /qa`;
}
