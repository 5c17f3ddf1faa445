/** The rungs of the ladder that a drill rehearses, in words. How each is taken is the business of `not-aus`. */
import { BY_HAND, type Targets } from "./stages.ts";

export interface RungToDrill {
  name: "stop" | "version" | "route";
  what: string;
  /** While it is taken there is no `/qa`, no metrics and no guardian: never in a named environment. */
  sandboxOnly: boolean;
}

/** In the order of the ladder. */
export const DRILL_RUNGS: readonly RungToDrill[] = [
  { name: "stop", what: "the plain stop, seen by each carrier", sandboxOnly: false },
  {
    name: "version",
    what: "the proxy-only version: asked at 0 %, deployed, put back",
    sandboxOnly: false,
  },
  {
    name: "route",
    what: "the route: deleted on top of that, both put back",
    sandboxOnly: true,
  },
];

export const RUNG_NAMES: readonly string[] = DRILL_RUNGS.map(({ name }) => name);

/** As long as the command itself waits. One `restore` puts a rung back, and another releases its stop. */
const BEYOND: Targets = { written: 10_000, live: 60_000, effective: 60_000, restored: 360_000 };

export const RUNG_TARGETS: Record<RungToDrill["name"], Targets> = {
  stop: BY_HAND,
  version: BEYOND,
  route: BEYOND,
};

/** Null where a name is none; in the order of the ladder, each once. */
export function rungsOf(names: readonly string[]): RungToDrill[] | null {
  if (names.length === 0 || names.some((name) => name !== "all" && !RUNG_NAMES.includes(name))) {
    return null;
  }
  return DRILL_RUNGS.filter(({ name }) => names.includes(name) || names.includes("all"));
}

/** As `--rung` takes them. */
export function rungsText(rungs: readonly RungToDrill[]): string {
  const names = rungs.map(({ name }) => name).join(",");
  return names === RUNG_NAMES.join(",") ? "all" : names;
}

/** Its name in a report, beside those of faults. */
export function rungTitle({ name }: Pick<RungToDrill, "name">): string {
  return `${PREFIX}${name}`;
}

const PREFIX = "rung ";

export function isRungTitle(fault: string): boolean {
  return fault.startsWith(PREFIX);
}
