/** Whether what is stored can be obeyed, and what limits it. */

import type { GuardianCap } from "../../domain/guardian/cap.ts";
import { timeOf } from "../../domain/lib/time.ts";
import type { CanaryConfig, Parsed, StopDocument } from "../../domain/state/documents.ts";
import { leaseEndsMs } from "../../domain/state/lease.ts";
import { oddlyWritten } from "../../domain/state/odd-keys.ts";
import type { RawState } from "../../domain/state/state.ts";
import { isEmergency, parseState } from "../../domain/state/state.ts";
import { age } from "../../domain/text/age.ts";
import { isoSeconds } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import { type Check, failed, passed, warned } from "../lib/check.ts";
import { invocation } from "../lib/format.ts";

/** An incident is over by then, or has become a state that somebody should know of. */
const STALE_MS = 86_400_000;

type Given = Pick<Ports, "target">;

export function stateChecks(raw: RawState, ports: Given, nowMs: number): Check[] {
  const { config, stop, capped } = parseState(raw);
  // Written oddly, it may ask for an emergency: nothing that would lift it is advised.
  const mend = isEmergency({ config, stop })
    ? invocation(ports.target, "not-aus")
    : invocation(ports.target, 'restore --to 0 --reason "first config"');
  return [
    config.kind === "valid"
      ? configCheck(config.value, ports, nowMs)
      : failed("config", config.kind === "absent" ? "does not exist" : config.problem, mend),
    stopCheck(stop, ports, nowMs),
    ...oddlyWritten(raw.config).map((detail) => {
      const fix = "it is in force as read; the next reduce, restore or ramp writes it properly";
      return warned("config", detail, fix);
    }),
    ...(capped === undefined ? [] : [capCheck(capped.cap, ports)]),
  ];
}

function configCheck(config: CanaryConfig, { target }: Given, nowMs: number): Check {
  const name = "config";
  const { canary_percent: percent, canary_tag: tag, emergency_proxy, last_updated, lease } = config;
  const detail = `${percent} %, tag ${tag}`;
  if (emergency_proxy && nowMs - Date.parse(last_updated) > STALE_MS) {
    const since = `emergency_proxy is true since ${when(last_updated, nowMs)}`;
    return warned(name, since, lift(target));
  }
  if (tag !== target.canaryTag) {
    const fix = `set canaryTag in pixcanary.json to the stored tag, ${tag}`;
    return warned(name, `${detail}; pixcanary.json says ${target.canaryTag}`, fix);
  }
  if (lease !== undefined && leaseEndsMs(lease, null) <= nowMs) {
    const { fallback_percent: rest, expires_at } = lease;
    const over = `${detail}, but its lease ran out ${when(expires_at, nowMs)}: ${rest} % in force`;
    return warned(name, over, `${invocation(target, `restore --to ${rest}`)} --reason "…"`);
  }
  return passed(name, detail);
}

/** A location that finds no key remembers that for a minute. */
function stopCheck(stop: Parsed<StopDocument>, { target }: Given, nowMs: number): Check {
  const name = "stop";
  switch (stop.kind) {
    case "invalid":
      return failed(name, stop.problem, invocation(target, "not-aus"));
    case "absent": {
      const detail = "does not exist: the first stop may take a minute longer to be seen";
      const fix = `${invocation(target, "setup")}   # writes it; changes nothing that is there`;
      return warned(name, detail, fix);
    }
    case "valid": {
      const { active, at, by } = stop.value;
      if (!active) return passed(name, "not active");
      const since = `active since ${when(at, nowMs)}${by === undefined ? "" : ` by ${by}`}`;
      const stale = nowMs - Date.parse(at ?? "") > STALE_MS;
      return stale ? warned(name, since, lift(target)) : passed(name, since);
    }
  }
}

function when(at: string | undefined, nowMs: number): string {
  const ms = timeOf(at);
  return Number.isFinite(ms) ? `${isoSeconds(ms)} (${age(nowMs - ms)})` : "an unknown time";
}

function lift(target: Ports["target"]): string {
  return `${invocation(target, "restore")} --reason "…"   # when the cause is fixed`;
}

function capCheck({ percent, at, by, reason }: GuardianCap, { target }: Given): Check {
  const detail = `at most ${percent} % since ${isoSeconds(at || "an unknown time")} by ${by}: ${reason}`;
  return warned("cap", detail, lift(target));
}
