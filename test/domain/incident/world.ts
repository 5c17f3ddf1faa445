/** Entries and facts of an incident, for the tests of this folder. */
import type { IncidentEvent } from "../../../src/domain/incident/event.ts";
import type { IncidentFacts } from "../../../src/domain/incident/facts.ts";
import type { Incident } from "../../../src/domain/incident/incident.ts";
import type { GroupReport } from "../../../src/domain/logs/analysis.ts";
import type { JournalEntry } from "../../../src/domain/state/journal.ts";
import { NO_CHANGE } from "../../../src/domain/state/journal.ts";

export const BEGUN_MS = Date.parse("2026-05-01T14:25:00Z");
export const MINUTE_MS = 60_000;

export const at = (minutes: number): string =>
  new Date(BEGUN_MS + minutes * MINUTE_MS).toISOString();

export function entry(minutes: number, more: Partial<JournalEntry> = {}): JournalEntry {
  return {
    schema: 1,
    id: `01JC${minutes}-${more.command ?? "not-aus"}`,
    at: at(minutes),
    command: "not-aus",
    actor: "oncall@laptop",
    host: "laptop",
    reason: "5xx spike",
    incident: "INC-7",
    before: { percent: 10, emergency: false, revision: "R1" },
    after: { percent: 0, emergency: true, revision: "R2" },
    revision: "R2",
    verification: { outcome: "live", locations: ["FRA", "AMS"], elapsed_ms: 2_500 },
    notes: [],
    tool: "pixcanary/test",
    namespace: null,
    ...more,
  };
}

export function event(
  minutes: number,
  kind: IncidentEvent["kind"],
  more: Partial<IncidentEvent> & { incident?: string } = {},
): JournalEntry {
  const { incident = "INC-7", ...own } = more;
  return entry(minutes, {
    id: `EV${minutes}-${kind}-${incident}`,
    command: "incident",
    reason: null,
    incident,
    before: NO_CHANGE,
    after: NO_CHANGE,
    revision: null,
    event: { kind, severity: kind === "opened" ? "critical" : null, text: "", when: null, ...own },
  });
}

export function incident(more: Partial<Incident> = {}): Incident {
  return {
    id: "INC-7",
    severity: "critical",
    title: "Uploads fail",
    begunMs: BEGUN_MS,
    openedMs: BEGUN_MS,
    openedBy: "oncall@laptop",
    notes: [],
    closed: {
      atMs: BEGUN_MS + 20 * MINUTE_MS,
      endedMs: BEGUN_MS + 20 * MINUTE_MS,
      by: "lead@desk",
    },
    ...more,
  };
}

export function group(message: string, more: Partial<GroupReport> = {}): GroupReport {
  return {
    message,
    error: null,
    count: 3,
    share: 1,
    first_seen: at(1),
    last_seen: at(4),
    levels: { ERROR: 3 },
    cohorts: { native: 3 },
    phases: {},
    routes: { "/api/jobs": 3 },
    locations: {},
    countries: {},
    devices: {},
    statuses: {},
    example: { ray_id: "8f00ba", at: at(4), message, stack: null },
    categories: [],
    changes: [],
    ...more,
  };
}

export function facts(more: Partial<IncidentFacts> = {}): IncidentFacts {
  return {
    incident: incident(),
    environment: "production",
    tag: "B2a",
    endMs: BEGUN_MS + 20 * MINUTE_MS,
    timeline: [{ atMs: BEGUN_MS, text: "incident INC-7 opened by oncall@laptop" }],
    changes: [entry(5)],
    journalGap: null,
    policyGap: null,
    impact: {
      kind: "known",
      requests: 50_000,
      failed: 1_250,
      cohorts: [
        {
          cohort: "native",
          requests: 5_000,
          failed: 1_240,
          p90Ms: 900,
          newVisitors: 480,
          newVisitorsFailed: 48,
        },
        {
          cohort: "proxy",
          requests: 45_000,
          failed: 10,
          p90Ms: 120,
          newVisitors: null,
          newVisitorsFailed: null,
        },
      ],
    },
    errors: {
      kind: "known",
      fromMs: BEGUN_MS,
      toMs: BEGUN_MS + 20 * MINUTE_MS,
      groups: [group("pool exhausted")],
      others: 0,
      doubts: [],
      likely: [],
    },
    charts: [{ title: "Error rate", file: "a.svg", because: null }],
    ...more,
  };
}
