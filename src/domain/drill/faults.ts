/** What a drill injects, in words, and what must come of it. How it is injected is the sandbox's business. */
import type { Rule } from "../policy/rule.ts";

/** What is wrong with native. */
export type NativeFault = "errors" | "latency" | "r2" | "database";
/** What is wrong with the way of the stop to the visitors. */
export type WayFault = "kv-outage" | "lagging-location" | "api-429" | "lost-answer" | "slow-stop";

export interface Fault {
  name: string;
  what: string;
  native: NativeFault;
  way: WayFault | null;
  /** The finding that must fail; its advice must be `not-aus`. */
  finding: Rule;
  /** Who stops it: the drill with `not-aus`, or the guardian. */
  stop: "manual" | "automatic";
  /** While it lasts KV cannot show the stop: by the beacon it is live, without one pending is the right answer. */
  pends: boolean;
}

/** In the order in which they are rehearsed. */
export const FAULTS: readonly Fault[] = [
  nativeFault("errors", "half of native's requests fail", "error_rate_critical"),
  nativeFault("latency", "native takes 1 s longer", "p90_over_proxy_critical"),
  nativeFault("r2", "R2 is down", "r2_failures"),
  nativeFault("database", "native's database is down", "database_failures"),
  wayFault("kv-outage", "no location can read KV", true),
  wayFault("lagging-location", "one location gets KV's changes 6 s later"),
  wayFault("api-429", "the API answers the first writes with 429"),
  wayFault("lost-answer", "the API's first answer is lost"),
  {
    ...nativeFault("errors", "native fails, and the guardian stops it", "error_rate_critical"),
    name: "automatic",
    stop: "automatic",
  },
  wayFault("slow-stop", "the API takes 7 s: the drill must fail"),
];

/** Fails by design, to show that a slow stop is noticed. */
const ON_REQUEST = "slow-stop";

export const FAULT_NAMES: readonly string[] = FAULTS.map(({ name }) => name);

/** `all` is every one but `slow-stop`. Null where a name is none; in the order of the table, each once. */
export function faultsOf(names: readonly string[]): Fault[] | null {
  if (names.length === 0 || names.some((name) => name !== "all" && !FAULT_NAMES.includes(name))) {
    return null;
  }
  const all = names.includes("all");
  return FAULTS.filter(({ name }) => names.includes(name) || (all && name !== ON_REQUEST));
}

/** As `--fault` takes them. */
export function faultsText(faults: readonly Fault[]): string {
  const namesOf = (some: readonly Fault[] | null) => some?.map(({ name }) => name).join(",") ?? "";
  return namesOf(faults) === namesOf(faultsOf(["all"])) ? "all" : namesOf(faults);
}

function nativeFault(native: NativeFault, what: string, finding: Rule): Fault {
  return { name: native, what, native, way: null, finding, stop: "manual", pends: false };
}

function wayFault(way: WayFault, what: string, pends = false): Fault {
  const broken = nativeFault("errors", `native fails, and ${what}`, "error_rate_critical");
  return { ...broken, name: way, way, pends };
}
