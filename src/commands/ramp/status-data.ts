/** What `ramp status` knows of a ramp. */
import type { Ports } from "../../ports/ports.ts";
import { type Owner, ownerOf } from "../lib/owner.ts";
import type { KnownRamp } from "./store.ts";

export interface RampStatusData extends Owner {
  ramp: KnownRamp["ramp"] | null;
  from: KnownRamp["from"] | null;
  /** A process of this machine carries it out right now. */
  alive: boolean;
  env: string;
  at_ms: number;
}

export function statusDataOf(known: KnownRamp | null, { target, clock }: Ports): RampStatusData {
  return {
    ramp: known?.ramp ?? null,
    from: known?.from ?? null,
    alive: known?.alive ?? false,
    env: target.env,
    ...ownerOf(target),
    at_ms: clock.now(),
  };
}
