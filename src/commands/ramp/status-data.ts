/** What `ramp status` knows of a ramp. */
import type { Ports } from "../../ports/ports.ts";
import { type Owner, ownerOf } from "../lib/owner.ts";
import { type ShownState, shownState } from "./life.ts";
import type { KnownRamp } from "./store.ts";

export interface RampStatusData extends Owner {
  /** As things are; `ramp.state` is what whoever runs it has last written. Null: there is no ramp. */
  state: ShownState | null;
  ramp: KnownRamp["ramp"] | null;
  from: KnownRamp["from"] | null;
  /** A process of this machine carries it out right now. */
  alive: boolean;
  env: string;
  at_ms: number;
}

export function statusDataOf(known: KnownRamp | null, { target, clock }: Ports): RampStatusData {
  const nowMs = clock.now();
  return {
    state: known === null ? null : shownState(known, nowMs),
    ramp: known?.ramp ?? null,
    from: known?.from ?? null,
    alive: known?.alive ?? false,
    env: target.env,
    ...ownerOf(target),
    at_ms: nowMs,
  };
}
