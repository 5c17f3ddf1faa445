/** A day of answers for `validate`: healthy, unless a test says otherwise. */
import { expect } from "vitest";
import { reportText } from "../../../src/cli/report.ts";
import type { Outcome } from "../../../src/commands/command.ts";
import type { ValidateData } from "../../../src/commands/validate/data.ts";
import { validate } from "../../../src/commands/validate/validate.ts";
import { newestEndS } from "../../../src/domain/policy/observations.ts";
import type { Sighting } from "../../../src/domain/proof/expectation.ts";
import type { JournalEntry } from "../../../src/domain/state/journal.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import type { Change } from "../../domain/policy/world.ts";
import { minute, NOW_S } from "../../domain/policy/world.ts";
import { GIVEN } from "../../support/ports-of.ts";
import type { Texts } from "../watch/world.ts";
import { entryOf, NOW_MS, PLAIN, PORTS, sightingOf } from "../watch/world.ts";

export const TO_S = newestEndS(NOW_S, PORTS.target.policy);
export const HOUR_S = 3_600;

export interface World {
  texts?: Texts;
  config?: object;
  stop?: object | null;
  /** What was to be seen in a minute; healthy otherwise. */
  at?: (startS: number) => Change | null;
  /** In place of healthy answers, by the name of the question. */
  rows?: Record<string, unknown[]>;
  native?: number;
  entries?: JournalEntry[];
  sighting?: Partial<Sighting>;
  ports?: Partial<Ports>;
}

export function configOf(texts: Texts, more: object): string {
  return JSON.stringify({
    canary_percent: 10,
    canary_tag: "B2a",
    emergency_proxy: false,
    last_updated: new Date(NOW_MS - 660_000).toISOString(),
    revision: texts.revision,
    updated_by: texts.actor,
    reason: texts.reason,
    ...more,
  });
}

function healthRows(at: World["at"]) {
  return Array.from({ length: 1_500 }, (_, nth) => TO_S - (nth + 1) * 60).flatMap((bucket) => {
    const { native, proxy } = minute(at?.(bucket) ?? {});
    return [
      { bucket, cohort: "native", p50: 1, p99: 1, ...native },
      { bucket, cohort: "proxy", p50: 1, p99: 1, ...proxy },
    ].filter(({ requests }) => requests > 0);
  });
}

export function portsOf(world: World = {}): Ports {
  const { texts = PLAIN, config = {}, stop = { active: false }, native = 1_000, rows = {} } = world;
  const share = (cohort: string, sampled: number) => ({
    ...{ cohort, sampled, squares: sampled, requests: sampled },
  });
  const answers: Record<string, unknown[]> = {
    "health by minute": healthRows(world.at),
    "failures by minute": [],
    "orphaned intents by minute": [],
    "request series": [
      {
        cohort: "native",
        phase: "b1b",
        requests: 9_000,
        observations: 9_000,
        errors: 0,
        p50: 1,
        p90: 180,
        p99: 1,
      },
    ],
    "decided by emergency": [{ requests: 0, firstS: 0, lastS: 0 }],
    "achieved share": [share("native", native), share("proxy", 10_000 - native)],
    ...rows,
  };
  const sighting = sightingOf(texts, 10);
  const { qa } = sighting;
  const seen = { ...sighting, qa: qa === null ? null : { ...qa, cookie_key_ids: ["k1"] } };
  return {
    ...PORTS,
    target: { ...PORTS.target, env: "production", qaUrls: [sighting.url] },
    identity: { actor: texts.actor, host: "laptop", tool: "pixcanary 0.1.0" },
    clock: { ...PORTS.clock, now: () => NOW_MS },
    apiClock: { now: () => NOW_MS, aheadMs: () => 0 },
    store: {
      ...PORTS.store,
      read: async () => ({
        config: configOf(texts, config),
        stop: stop === null ? null : JSON.stringify(stop),
      }),
    },
    account: {
      token: async () => ({ status: "active", expiresOn: null }),
      namespace: async () => ({ title: "KV_CANARY_CONFIG" }),
      writable: async () => "read-back" as const,
      accounts: async () => [],
      tails: async () => undefined,
      logJobs: async () => [],
    },
    qa: { urls: [sighting.url], look: async () => ({ ...seen, ...world.sighting }) },
    journal: {
      ...PORTS.journal,
      recent: async () => ({ entries: world.entries ?? [], warnings: [] }),
    },
    metrics: {
      ask: async (question) => {
        const query = question("canary_requests");
        return query.read(answers[query.name] ?? expect.fail(query.name));
      },
    },
    ...world.ports,
  };
}

export async function ask(
  ports: Ports,
  own: object = { smoke: false },
): Promise<Outcome<ValidateData>> {
  const given = { ...GIVEN, ...Object(validate.input.parse(own)) };
  return validate.run(given, ports);
}

/** What stands in the way, by name. */
export function against(outcome: Outcome<ValidateData>): Record<string, string> {
  const reasons = "data" in outcome ? (outcome.data?.reasons ?? []) : [];
  const open = reasons.filter(({ required, verdict }) => required && verdict !== "pass");
  return Object.fromEntries(open.map(({ name, verdict }) => [name, verdict]));
}

export const said = (outcome: Outcome<ValidateData>): string => {
  const { out, err } = reportText(validate, outcome);
  return `${out}${err}`;
};

export const bad: Change = { native: { errors: 40 } };
export const hoursAgo = (hours: number) => (startS: number) =>
  startS >= TO_S - hours * HOUR_S && startS < TO_S - hours * HOUR_S + 300 ? bad : null;
export const stopEntry = (agoS: number): JournalEntry => ({
  ...entryOf(PLAIN, "S", agoS),
  command: "not-aus",
  before: null,
  after: { percent: 0, emergency: true, revision: null },
});
