/** What the four keys say together: the share in force, and whether an emergency is on. */
import type { GuardianCap } from "../guardian/cap.ts";
import { capInForce, GUARDIAN_CAP_KEY, parseCap, withCap } from "../guardian/cap.ts";
import { parseRampShare, RAMP_SHARE_KEY, withRampShare } from "../ramp/share.ts";
import type { CanaryConfig, Parsed, StopDocument } from "./documents.ts";
import { CONFIG_KEY, parseConfig, parseStop, STOP_KEY } from "./documents.ts";

/** What decides about visitors: read together, by Worker and CLI. */
export const STATE_KEYS = [CONFIG_KEY, STOP_KEY, RAMP_SHARE_KEY, GUARDIAN_CAP_KEY];

/** The keys as text, as one bulk read returns them; `null` is an absent key. */
export interface RawState {
  config: string | null;
  stop: string | null;
  cap?: string | null;
  rampShare?: string | null;
}

/** `STATE_KEYS` by key. */
export function rawState(textOf: (key: string) => string | null): RawState {
  return {
    config: textOf(CONFIG_KEY),
    stop: textOf(STOP_KEY),
    cap: textOf(GUARDIAN_CAP_KEY),
    rampShare: textOf(RAMP_SHARE_KEY),
  };
}

export interface ParsedState {
  /** With the share in force: what a ramp raises it to (`withRampShare`), and at most the guardian's cap. */
  config: Parsed<CanaryConfig>;
  stop: Parsed<StopDocument>;
  /** The guardian's cap, where it is in force, and the share that it holds down. */
  capped?: { cap: GuardianCap; asked: number } | undefined;
}

export function parseState(raw: RawState): ParsedState {
  const config = parseConfig(raw.config);
  const stop = parseStop(raw.stop);
  if (config.kind !== "valid") return { config, stop };
  const stored = config.value;
  const share = parseRampShare(raw.rampShare ?? null);
  const asked = share === null ? stored : withRampShare(stored, share);
  const cap = capInForce(stored, parseCap(raw.cap ?? null));
  if (cap === null) return { config: { kind: "valid", value: asked }, stop };
  return {
    config: { kind: "valid", value: withCap(asked, cap) },
    stop,
    capped: { cap, asked: asked.canary_percent },
  };
}

/** True when either key asks for an emergency, readable or not. */
export function isEmergency(state: ParsedState): boolean {
  const { config, stop } = state;
  const byStop = stop.kind === "valid" ? stop.value.active : stop.kind === "invalid";
  const byConfig =
    config.kind === "valid"
      ? config.value.emergency_proxy
      : config.kind === "invalid" && config.emergency;
  return byStop || byConfig;
}
