/** One guarded write of `config`: what reduce, disable and restore share. */

import { liftOf, parseCap } from "../../domain/guardian/cap.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import type { CanaryConfig } from "../../domain/state/documents.ts";
import type { ParsedState, RawState } from "../../domain/state/state.ts";
import { parseState } from "../../domain/state/state.ts";
import type { CallOptions } from "../../ports/api.ts";
import { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Outcome } from "../command.ts";
import { invocation } from "./format.ts";
import { writeGuarded } from "./write-guarded.ts";
import { asUpstream } from "./write-result.ts";

/** Reading is all that planning does; an API that takes longer is not going to take the write. */
export const READ_LIMIT_MS = 8_000;

export interface Base {
  state: ParsedState;
  /** The texts that the plan was made on. */
  configText: string | null;
  stopText: string | null;
  shareText: string | null;
}

export async function readBase(ports: Ports, signal?: AbortSignal): Promise<Base | UpstreamError> {
  const limit = signal ?? anySignal([ports.clock.timeout(READ_LIMIT_MS), ports.interrupt]);
  try {
    const raw = await ports.store.read({ signal: limit });
    const { config: configText, stop: stopText, rampShare: shareText = null } = raw;
    const nowMs = ports.clock.now();
    return { state: keepingLifted(parseState(raw), raw, nowMs), configText, stopText, shareText };
  } catch (thrown) {
    const error = asUpstream(thrown);
    const timedOut = limit.aborted && !ports.interrupt.aborted;
    if (!timedOut) return error;
    return new UpstreamError("deadline", `time limit reached: ${error.message}`, {
      cause: error,
    });
  }
}

/** A cap that a word by hand has voided is named by whatever is made of that config. */
function keepingLifted(state: ParsedState, raw: RawState, nowMs: number): ParsedState {
  const { config, capped } = state;
  const cap = parseCap(raw.cap ?? null);
  if (config.kind !== "valid" || cap === null || capped !== undefined) return state;
  if (config.value.lifts_cap !== undefined) return state;
  return {
    ...state,
    config: { kind: "valid", value: { ...config.value, lifts_cap: liftOf([cap], nowMs) } },
  };
}

/** Nobody has changed `config`, nor the share that a ramp raises it to. */
export function isSameShare(one: Base, other: Base): boolean {
  return one.configText === other.configText && one.shareText === other.shareText;
}

export type ConfigWrite =
  | { kind: "written"; config: CanaryConfig }
  /** `sent`: ours was stored, or may have been, before theirs was seen. */
  | { kind: "conflict"; by: string; sent: boolean }
  | { kind: "unknown"; config: CanaryConfig; error: UpstreamError }
  | { kind: "failed"; error: UpstreamError };

/**
 * Writes once against the base: before each attempt after the first, and when `recheck` is set before
 * the first as well, `config` must still be what the plan was made on (and `stop`, with `alsoStop`, for
 * who adds exposure and does not look again). Then reads back: a foreign
 * value means that somebody wrote after us, and the author is told.
 */
export function writeConfigOnce(
  ports: Ports,
  base: Base,
  config: CanaryConfig,
  options: CallOptions & { recheck: boolean; alsoStop?: boolean },
): Promise<ConfigWrite> {
  const answered = ports.progress.waiting("waiting for the API to take config");
  return writeGuarded<ConfigWrite>(ports, options, {
    async look(attempt) {
      if (attempt === 1 && !options.recheck) return null;
      const now = await readBase(ports, options.signal);
      if (!("state" in now)) return { kind: "failed", error: now };
      if (!isSameShare(now, base))
        return { kind: "conflict", by: authorOf(now.state), sent: false };
      const stopped = options.alsoStop === true && now.stopText !== base.stopText;
      return stopped ? { kind: "conflict", by: stopAuthorOf(now.state), sent: false } : null;
    },
    write: () => ports.store.writeConfig(config, options),
    readBack: (lost) =>
      lost === undefined
        ? readBack(ports, base, config, options.signal)
        : readBackLost(ports, config, options.signal, lost),
  }).finally(answered);
}

/**
 * KV may answer with old copies after a write: a foreign value counts only when it is there twice, and what the
 * write was made over is nobody's answer to it.
 */
async function readBack(
  ports: Ports,
  base: Base,
  config: CanaryConfig,
  signal: AbortSignal,
): Promise<ConfigWrite> {
  let foreign = UNKNOWN_AUTHOR;
  for (let look = 0; look < 2; look += 1) {
    const now = await readBase(ports, signal);
    if (!("state" in now) || isSameShare(now, base)) return { kind: "written", config };
    const stored = now.state.config;
    if (stored.kind === "valid" && stored.value.revision === config.revision) {
      return { kind: "written", config };
    }
    foreign = authorOf(now.state);
  }
  return { kind: "conflict", by: foreign, sent: true };
}

async function readBackLost(
  ports: Ports,
  config: CanaryConfig,
  signal: AbortSignal,
  error: UpstreamError,
): Promise<ConfigWrite> {
  const now = await readBase(ports, signal);
  if ("state" in now && now.state.config.kind === "valid") {
    if (now.state.config.value.revision === config.revision) return { kind: "written", config };
  }
  return { kind: "unknown", config, error };
}

function stopAuthorOf({ stop }: ParsedState): string {
  const by = stop.kind === "valid" ? (stop.value.by ?? UNKNOWN_AUTHOR) : UNKNOWN_AUTHOR;
  return `${by} (the stop was changed)`;
}

/** Who stands in the stored configuration, and what it says. */
export function authorOf(state: ParsedState): string {
  if (state.config.kind !== "valid") return `${UNKNOWN_AUTHOR}; the value is not readable`;
  const { updated_by: by, revision, canary_percent: percent, reason } = state.config.value;
  const why = reason === undefined ? "" : `, "${reason}"`;
  return `${by ?? UNKNOWN_AUTHOR} (${percent} %, revision ${revision ?? "none"}${why})`;
}

export function refused<T>(
  write: Extract<ConfigWrite, { kind: "conflict" | "failed" }>,
  data: T,
  ports: Pick<Ports, "target">,
): Outcome<T> {
  const next = invocation(ports.target, "status");
  if (write.kind === "conflict") {
    const message = `config was changed meanwhile by ${write.by}`;
    return {
      kind: "failed",
      code: "conflict",
      message,
      truth: "their change is in force, yours is not",
      next,
      data,
    };
  }
  return { ...unreachable(write.error, ports), data };
}

/** The API said no or nothing, and nothing was written. */
export function unreachable(
  error: UpstreamError,
  ports: Pick<Ports, "target">,
): Extract<Outcome<never>, { kind: "failed" }> {
  const auth = error.kind === "auth" || error.kind === "forbidden";
  return {
    kind: "failed",
    code: auth ? "auth" : error.kind === "deadline" ? "deadline" : "upstream",
    message: error.message,
    truth: "nothing was written; config is unchanged",
    next: invocation(ports.target, auth ? "doctor" : "not-aus"),
  };
}
