/** What a tick of the cron is given, and what it has read. */
import type { GuardianArm, GuardianDocument } from "../../src/domain/guardian/document.ts";
import type { Notice } from "../../src/domain/notices/notice.ts";
import type { ParsedState, RawState } from "../../src/domain/state/state.ts";
import type { BeaconCarrier } from "../beacon/carrier.ts";
import type { Bindings, Settings } from "../env.ts";
import type { GuardianTexts } from "./kv.ts";

export interface TickGiven {
  settings: Settings;
  env: Bindings;
  /** Null: there is none. */
  beacon: BeaconCarrier | null;
  /** The cron's scheduled time; the same for duplicate runs. */
  tickMs: number;
  now(): number;
  random(): number;
  waitUntil(work: Promise<unknown>): void;
}

/** What each carrier holds of a stop, as texts. */
export interface StopTexts {
  inKv: string | null;
  /** Null: the beacon cannot be read. */
  atBeacon: readonly string[] | null;
}

export interface Tick extends TickGiven {
  kv: KVNamespace;
  texts: GuardianTexts;
  stops: StopTexts;
  raw: RawState;
  state: ParsedState;
  arm: GuardianArm | null;
  guardian: GuardianDocument | null;
  notices: Notice[];
  latched: GuardianDocument["latched"];
  since: NonNullable<GuardianDocument["since"]>;
  /** What cannot be read in KV, or not be believed, in words. */
  odd: readonly string[];
}
