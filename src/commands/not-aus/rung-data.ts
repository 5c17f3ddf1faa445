/** What `not-aus --via` is given, and what it says. */
import type { Share } from "../../domain/ladder/proxy-only.ts";
import { splitText } from "../../domain/ladder/proxy-only.ts";
import type { Route } from "../../domain/ladder/routes.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Change, CommonInput, Outcome, Planned } from "../command.ts";
import { liveLine, missingLines } from "../lib/format.ts";
import type { LiveProof } from "../lib/prove-live.ts";

export type Via = "version" | "route";

export interface RungInput extends CommonInput {
  via?: Via | undefined;
  confirmRoute?: string | undefined;
}

export type RungSteps = { via: "version" } | RouteSteps;

export interface RouteSteps {
  via: "route";
  zone: string;
  zoneId: string;
  /** To delete. */
  routes: readonly Route[];
  /** Deleted before, by the journal: it is to be proved, and nothing is left to delete. Null: not so. */
  gone: Omit<Route, "id">[] | null;
}

export interface RungData {
  via: Via;
  /** The stop that is set along with it. */
  stop: { id: string; written: boolean };
  /** What is deployed, and what was before it was; null: not known. */
  version: { id: string; before: readonly Share[] | null } | null;
  /** The patterns that are deleted. */
  routes: readonly string[];
  live: LiveProof["live"];
  missing: LiveProof["missing"];
}

/** What only `not-aus --via` needs, for the program that has it. */
export interface Rungs {
  plan(input: RungInput, ports: Ports): Promise<Planned<RungSteps, RungData>>;
  apply(steps: RungSteps, input: RungInput, ports: Ports): Promise<Outcome<RungData>>;
}

/** What each rung writes beside its own change. */
export const STOP_CHANGES: readonly Change[] = [
  { what: "stop", before: "not read", after: "active" },
  { what: "config", before: "not read", after: "0 %, emergency on" },
];

export function isRungData(data: object): data is RungData {
  return "via" in data;
}

export function rungEndText(outcome: Outcome<unknown>, data: RungData): string {
  const lines = [`  stop      ${data.stop.written ? data.stop.id : "not confirmed"}`];
  if (data.version !== null) {
    const { id, before } = data.version;
    lines.push(`  version   ${id}`);
    lines.push(`  before    ${before === null ? "not known" : splitText(before)}`);
  }
  for (const pattern of data.routes) lines.push(`  route     ${pattern} deleted`);
  if (outcome.kind !== "failed") {
    const word = data.via === "route" ? "gone" : "live";
    lines.push(`  ${word}      ${liveLine(data)}`, ...missingLines(data));
  }
  if (!data.stop.written) {
    lines.push("! the stop is not confirmed: restore sets one before it puts anything back");
  }
  return lines.join("\n");
}
