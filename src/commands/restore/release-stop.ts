/** The one write that lifts an emergency: never repeated without looking, never blind to a new stop. */
import type { StopDocument } from "../../domain/state/documents.ts";
import { releases } from "../../domain/state/emergency.ts";
import { isEmergency } from "../../domain/state/state.ts";
import type { CallOptions } from "../../ports/api.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Base } from "../lib/stored-state.ts";
import { readBase } from "../lib/stored-state.ts";
import { EMERGENCY_STORED } from "../lib/summary-text.ts";
import { writeGuarded } from "../lib/write-guarded.ts";

export type Release =
  | { kind: "released" }
  | { kind: "conflict"; message: string; truth: string }
  | { kind: "failed"; error: UpstreamError }
  /** Sent, and nobody could tell whether it arrived. */
  | { kind: "unknown"; error: UpstreamError };

export interface Guard {
  /** The text of `stop` that the operator was shown. */
  stopText: string | null;
  /** Our revision in `config`; null when `config` has not been written yet. */
  revision: string | null;
}

export function releaseStop(
  ports: Ports,
  release: StopDocument,
  guard: Guard,
  call: CallOptions,
): Promise<Release> {
  return writeGuarded<Release>(ports, call, {
    async look() {
      const now = await readBase(ports, call.signal);
      return "state" in now ? conflictOf(now, guard, release) : { kind: "failed", error: now };
    },
    write: () => ports.store.writeStop(release, { ...call, once: true }),
    readBack: (lost) => readBack(ports, release, guard, call, lost),
  });
}

/** A stop that was pulled while the release was on its way left its mirror in `config`. */
async function readBack(
  ports: Ports,
  release: StopDocument,
  guard: Guard,
  call: CallOptions,
  lost?: UpstreamError,
): Promise<Release> {
  const now = await readBase(ports, call.signal);
  if (!("state" in now)) return { kind: "unknown", error: lost ?? now };
  const { stop } = now.state;
  const arrived = stop.kind === "valid" && stop.value.id === release.id;
  const foreign = conflictOf({ ...now, stopText: guard.stopText }, guard, release);
  if (foreign !== null)
    return arrived ? { ...foreign, truth: `the stop is released; ${truthOf(now)}` } : foreign;
  if (arrived) return { kind: "released" };
  if (stop.kind === "valid" && stop.value.active && now.stopText !== guard.stopText) {
    return stoppedAgain(now);
  }
  return lost === undefined ? { kind: "released" } : { kind: "unknown", error: lost };
}

/** A stop that this release names may come late, by its slower carrier: it is no new one. */
function conflictOf(
  now: Base,
  guard: Guard,
  release: StopDocument,
): Extract<Release, { kind: "conflict" }> | null {
  const { config, stop } = now.state;
  const active = stop.kind === "invalid" || (stop.kind === "valid" && stop.value.active);
  const isNamed = stop.kind === "valid" && active && releases(release, stop.value.id);
  if (now.stopText !== guard.stopText && !isNamed) {
    return active ? stoppedAgain(now) : conflict(now, "the stop was changed");
  }
  const ours = config.kind === "valid" && config.value.revision === guard.revision;
  return guard.revision === null || ours ? null : conflict(now, "config was changed");
}

function stoppedAgain(now: Base): Extract<Release, { kind: "conflict" }> {
  return conflict(now, "a new stop was set");
}

function conflict(now: Base, what: string): Extract<Release, { kind: "conflict" }> {
  const message = `${what} while restore was running`;
  return { kind: "conflict", message, truth: `nothing was released; ${truthOf(now)}` };
}

function truthOf(now: Base): string {
  return isEmergency(now.state)
    ? EMERGENCY_STORED
    : "no emergency is stored now; check with status";
}
