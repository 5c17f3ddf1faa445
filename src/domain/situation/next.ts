/** The next command, and never one that would be refused in the state that is. */
import type { Recommendation } from "../policy/rule.ts";
import { isEmergency } from "../state/state.ts";
import type { Known, Next } from "./known.ts";

export function command(words: string, more: { reason?: string; note?: string } = {}): Next {
  return { kind: "command", words, ...more };
}

/** Proves a stop, or whatever else is stored; by the metrics where there are any. */
export function proving({ hasMetrics }: Pick<Known, "hasMetrics">): string {
  return hasMetrics ? "verify --fleet" : "verify";
}

/**
 * What takes native traffic away, as recommended. Where the state cannot be read, or holds no share, only some of it
 * works; at 0 % only a stop helps any further.
 */
export function relief(
  recommended: Exclude<Recommendation, "none" | "notify">,
  reason: string,
  { state }: Pick<Known, "state">,
): Next {
  const percent = state?.config.kind === "valid" ? state.config.value.canary_percent : null;
  if (recommended === "not-aus" || state === null) return command("not-aus", { reason });
  if (percent === 0) {
    const note = "the share is already 0 %; only not-aus moves visitors with a native cookie";
    return command("not-aus", { reason, note });
  }
  return command(percent === null ? "disable" : recommended, { reason });
}

export function notify(what: string, { onCall }: Pick<Known, "onCall">): Next {
  const whom = onCall === null ? "" : ` (${onCall})`;
  return { kind: "notify", text: `notify the legacy origin's team${whom}: ${what}` };
}

/** `restore` wants a native that answers everywhere, and figures that are back to normal. */
export function mayRestore({ looks, figures }: Pick<Known, "looks" | "figures">): boolean {
  const answers = looks.length > 0 && looks.every(({ native }) => native.kind === "answers");
  return answers && typeof figures !== "string" && figures.normal;
}

export function restoring(note: string): Next {
  return command("restore", { reason: "", note });
}

/** So long after a stop it should be in force everywhere. */
const SETTLED_MS = 10 * 60_000;

/** `atMs`: when it began; not finite when that is not known. */
export function inEmergency(known: Known, atMs: number): Next {
  const { state, looks, nowMs } = known;
  const everywhere = looks.length > 0 && looks.every(({ emergency }) => emergency === true);
  if (state === null) return command("doctor");
  if (!isEmergency(state) || !everywhere) return command(proving(known));
  const sick = looks.filter(({ proxy }) => proxy.kind === "fails").map(({ place }) => place);
  if (sick.length > 0) return notify(`its ping fails at ${sick.join(", ")}`, known);
  const isOld = Number.isFinite(atMs) && nowMs - atMs >= SETTLED_MS;
  const settled = isOld && mayRestore(known);
  return settled ? restoring("when the cause is fixed") : command(proving(known));
}
