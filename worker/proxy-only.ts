/**
 * The proxy-only version: the same bundle, uploaded with the var PROXY_ONLY, whose decision is always proxy because of
 * an emergency. It is the way out when a stop cannot be written or does not arrive, so it needs neither KV nor cookies
 * nor keys: what it knows is constant. All else, `/qa` included, is as in every other version.
 */
import type { EffectiveState } from "../src/domain/state/isolate-memory.ts";
import type { StateReader } from "./state-reader.ts";

const STOPPED: EffectiveState = {
  source: "none",
  config: null,
  cap: null,
  leaseRunOut: false,
  emergency: true,
  stop: null,
  inForce: [],
  carried: { kv: [], beacon: [] },
  ageMs: null,
};

export const ALWAYS_STOPPED: StateReader = {
  current: () => STOPPED,
  fresh: async () => STOPPED,
  beacon: () => null,
};
