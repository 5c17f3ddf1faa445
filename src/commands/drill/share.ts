/** From which share a drill goes down, and to which it goes back: the one that is in force, if that may be touched. */

import { anySignal } from "../../domain/lib/abort.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { isOver } from "../../domain/ramp/document.ts";
import { shareOf } from "../../domain/ramp/text.ts";
import type { CanaryConfig } from "../../domain/state/documents.ts";
import { isEmergency } from "../../domain/state/state.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput } from "../command.ts";
import { lookEverywhere } from "../lib/look-everywhere.ts";
import type { Base } from "../lib/stored-state.ts";
import { readBase } from "../lib/stored-state.ts";
import { rampStatus } from "../ramp/status.ts";

export interface DrillShare {
  /** Null: no drill now. */
  percent: number | null;
  detail: string;
}

const LOOK_LIMIT_MS = 30_000;

/** Every `/qa`, with its document. */
export function lookInFull(ports: Ports): Promise<Sighting[]> {
  const signal = anySignal([ports.clock.timeout(LOOK_LIMIT_MS), ports.interrupt]);
  return lookEverywhere(ports, "full", signal);
}

export async function shareToDrill(input: CommonInput, ports: Ports): Promise<DrillShare> {
  const signal = anySignal([ports.clock.timeout(LOOK_LIMIT_MS), ports.interrupt]);
  const [base, looks, ramp] = await Promise.all([
    readBase(ports, signal),
    lookInFull(ports),
    rampInTheWay(input, ports),
  ]);
  if (!("state" in base)) return no(`KV cannot be read: ${base.message}`);
  const { config } = base.state;
  const problem = emergencyOn(base, looks) ?? ramp;
  if (problem !== null) return no(problem);
  if (config.kind !== "valid") return no("config is missing or unreadable");
  const raised = wouldRaise(base, config.value);
  if (raised !== null) return no(raised);
  const { canary_percent: percent } = config.value;
  const others = looks.filter(({ qa }) => qa?.canary.percent !== percent);
  if (others.length > 0) return no(`${others.length} /qa do not show ${percent} % yet`);
  return { percent, detail: `${looks.length} /qa answer, no emergency` };
}

function no(detail: string): DrillShare {
  return { percent: null, detail };
}

function emergencyOn({ state }: Base, looks: readonly Sighting[]): string | null {
  const shown = looks.some(({ qa }) => qa?.canary.emergency_proxy === true);
  if (isEmergency(state) || shown) return "an emergency is on";
  const blind = looks.flatMap(({ qa, problem }) => (qa === null ? [problem] : []));
  return blind.length === 0 ? null : `no /qa document: ${blind.join("; ")}`;
}

/** As `ramp status` shows it. What could not be read is no sign that there is none. */
async function rampInTheWay(input: CommonInput, ports: Ports): Promise<string | null> {
  const unread: string[] = [];
  const progress = { ...ports.progress, warn: (text: string) => void unread.push(text) };
  const given = { ...Object(rampStatus.input.parse({})), ...input };
  const outcome = await rampStatus.run(given, { ...ports, progress });
  const { ramp = null, state = null } = ("data" in outcome && outcome.data) || {};
  if (ramp === null || isOver(ramp)) {
    return unread.length === 0 ? null : `whether a ramp runs is unknown: ${unread.join("; ")}`;
  }
  const how = state === "silent" ? "has not ended, with no sign of life," : `is ${state}`;
  return `a ramp by ${ramp.by} ${how} at ${shareOf(ramp)}`;
}

/** The drill ends with `restore`, which would do that. */
function wouldRaise({ state }: Base, config: CanaryConfig): string | null {
  const { canary_percent: percent, lease } = config;
  if (state.capped !== undefined)
    return `the guardian's cap of ${percent} % is in force, and a drill would lift it`;
  if (lease !== undefined) return "config has a ramp's lease, and a drill would remove it";
  return percent > 0 ? null : "the share is 0 %, and a drill would raise it";
}
