/**
 * The runbook's table of root causes (section 5), each named only where the lines carry it. The
 * evidence is said in counts, so that a reader can disagree.
 */
import { NATIVE_PHASES } from "../metrics/point.ts";
import { counted, countText } from "../text/format.ts";
import { tidy } from "./counter.ts";
import type { Group } from "./groups.ts";
import { HINTS, type Hint } from "./hints.ts";
import type { RequestTally } from "./tally.ts";

export const CATEGORIES = {
  native_bug: { name: "Native Handler Bug", look: "exception logs, stack traces" },
  database: { name: "Database Connection", look: "database dashboard, connection count" },
  r2: { name: "R2 Latency", look: "R2 region, network latency, bucket status" },
  session_drift: { name: "Session Drift", look: "sticky cookie logic, database queries" },
  kv_propagation: { name: "KV Propagation", look: "KV replication status, edge locations" },
} as const;

type CategoryId = keyof typeof CATEGORIES;

export interface Category {
  category: CategoryId;
  evidence: string[];
}

/** Below this part of a group a hint is an accident. */
const ENOUGH = 0.5;
/** Fewer late requests than this may be clocks that differ. */
const LEAST_LATE = 3;
const LEAST_DRIFT = 3;

/** Routes that need what an earlier request of the same visitor left. */
const SECOND_STEPS: ReadonlySet<string> = new Set([
  "/api/pixcapture/upload/finalize",
  "/api/pixcapture/upload/:id",
]);

export function classifyGroup(group: Group): Category[] {
  const found: Category[] = [];
  const add = (category: CategoryId, evidence: (string | null)[]): void => {
    const said = evidence.filter((text) => text !== null);
    if (said.length > 0) found.push({ category, evidence: said });
  };
  add("database", [hint(group, "database"), hint(group, "sqlstate"), throughDriver(group)]);
  add("r2", [hint(group, "r2"), hint(group, "r2code")]);
  add("session_drift", [hint(group, "intent"), lostSteps(group)]);
  add("kv_propagation", [hint(group, "kv"), lateLines(group)]);
  const elsewhere = found.some(({ category }) => category === "database" || category === "r2");
  const bug = [hint(group, "programming"), hint(group, "query")].filter((text) => text !== null);
  if (bug.length > 0 && mostlyNative(group)) add("native_bug", [...bug, onlyNative(group)]);
  else if (!elsewhere) add("native_bug", [thrownInNative(group)]);
  return found;
}

function hint(group: Group, name: Hint): string | null {
  const count = group.hints.get(name);
  return count < group.count * ENOUGH || count === 0
    ? null
    : `${HINTS[name]} (${countText(count)} of ${countText(group.count)})`;
}

/** pg's socket in a Worker: what breaks there says nothing of a database itself. */
function throughDriver(group: Group): string | null {
  const { stack } = group.example.record;
  if (stack === null || !/\bCloudflareSocket\b/.test(stack)) return null;
  return "the stack trace goes through the database driver's socket";
}

/** What happens to proxied visitors as often is no bug of native; lines may not say the cohort. */
function mostlyNative(group: Group): boolean {
  const { total } = group.cohorts;
  return total === 0 || group.cohorts.get("native") >= total * ENOUGH;
}

function onlyNative(group: Group): string | null {
  const native = group.cohorts.get("native");
  return native === group.count ? `all ${countText(native)} from native` : null;
}

/** An error with a stack that only native has, on the routes that it serves itself. */
function thrownInNative(group: Group): string | null {
  const served = NATIVE_PHASES.reduce((sum, phase) => sum + group.phases.get(phase), 0);
  const everywhere = group.cohorts.get("native") === group.count && served === group.count;
  const { stack } = group.example.record;
  if (!everywhere || stack === null || group.levels.get("ERROR") !== group.count) return null;
  const frame = /^\s*at ([^\n]{1,120})$/m.exec(stack)?.[1];
  return frame === undefined
    ? null
    : `all ${countText(group.count)} from native on its own routes, none from proxy; thrown at ${frame.trim()}`;
}

/** 404 where the visitor's own earlier step should be found. */
function lostSteps(group: Group): string | null {
  const [status] = group.statuses.entries()[0] ?? [];
  const steps = [...SECOND_STEPS].reduce((sum, route) => sum + group.routes.get(route), 0);
  if (status !== "404" || steps < group.count * ENOUGH) return null;
  return `404 on the second step of an upload (${countText(steps)} of ${countText(group.count)})`;
}

function lateLines(group: Group): string | null {
  const late = group.late.total;
  if (late < LEAST_LATE || late < group.count * ENOUGH) return null;
  return `${countText(late)} of ${countText(group.count)} carry an older revision more than 60 s after a change (${places(group.late.entries())})`;
}

function places(entries: readonly (readonly [string, number])[]): string {
  const shown = entries.slice(0, 5).map(([colo, count]) => `${colo} ${countText(tidy(count))}`);
  return entries.length > shown.length ? `${shown.join(", ")}, …` : shown.join(", ");
}

export interface Cause extends Category {
  /** Error lines that carry it; 0 when only other lines do. */
  count: number;
}

/** Over everything that was read: causes of groups, and what only the other lines show. */
export function causes(groups: readonly Group[], tally: RequestTally): Cause[] {
  const found = new Map<CategoryId, Cause>();
  for (const group of groups) {
    for (const { category, evidence } of classifyGroup(group)) {
      const cause = found.get(category) ?? { category, count: 0, evidence: [] };
      cause.count += group.count;
      if (cause.evidence.length < 3)
        cause.evidence.push(`${group.message}: ${evidence.join("; ")}`);
      found.set(category, cause);
    }
  }
  const more: [CategoryId, string | null][] = [
    ["session_drift", drift(tally)],
    ["kv_propagation", lateRequests(tally)],
  ];
  for (const [category, evidence] of more) {
    if (evidence === null) continue;
    const cause = found.get(category) ?? { category, count: 0, evidence: [] };
    found.set(category, { ...cause, evidence: [evidence, ...cause.evidence] });
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

/** Refusals are WARN: they show in the rates, not among the errors. */
function drift(tally: RequestTally): string | null {
  const cohort = "native";
  const lost = tally.count({ cohort, routes: SECOND_STEPS, status: "404" });
  if (lost < LEAST_DRIFT) return null;
  const all = tally.count({ cohort, routes: SECOND_STEPS });
  return `native answered 404 to ${lost} of about ${all} second steps of uploads`;
}

function lateRequests(tally: RequestTally): string | null {
  const late = tidy(tally.late.total);
  if (late < LEAST_LATE) return null;
  return `about ${counted(late, "request carries", "requests carry")} an older revision more than 60 s after a change (${places(tally.late.entries())})`;
}
