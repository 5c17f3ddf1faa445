/** `validate` on ports that answer as told: reasons, exit codes, next commands, table and ticket. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { exitCodeOf } from "../../src/cli/exit.ts";
import { reportJson, reportText } from "../../src/cli/report.ts";
import type { CommandDef, Outcome } from "../../src/commands/command.ts";
import type { ValidateData } from "../../src/commands/shared/validate-data.ts";
import { validate } from "../../src/commands/validate.ts";
import type { JournalEntry } from "../../src/domain/journal.ts";
import { newestEndS } from "../../src/domain/policy-observations.ts";
import { widthOf } from "../../src/domain/text-width.ts";
import type { Ports, Sighting, UpstreamKind } from "../../src/ports.ts";
import { UpstreamError } from "../../src/ports.ts";
import type { Change } from "../domain/policy-world.ts";
import { minute, NOW_S, policyOf } from "../domain/policy-world.ts";
import { hostileText } from "../support/hostile-text.ts";
import { GIVEN } from "../support/ports-of.ts";
import type { Texts } from "./watch-world.ts";
import { entryOf, NOW_MS, PLAIN, PORTS, sightingOf, VirtualClock } from "./watch-world.ts";

const TO_S = newestEndS(NOW_S, PORTS.target.policy);
const HOUR_S = 3_600;

interface World {
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

function configOf(texts: Texts, more: object): string {
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

function portsOf(world: World = {}): Ports {
  const { texts = PLAIN, config = {}, stop = null, native = 1_000, rows = {} } = world;
  const share = (cohort: string, sampled: number) => ({
    ...{ cohort, sampled, squares: sampled, requests: sampled },
  });
  const answers: Record<string, unknown[]> = {
    "health by minute": healthRows(world.at),
    "failures by minute": [],
    "orphaned intents by minute": [],
    "request series": [
      { cohort: "native", phase: "b1b", requests: 9_000, errors: 0, p50: 1, p90: 180, p99: 1 },
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
    store: {
      ...PORTS.store,
      read: async () => ({
        config: configOf(texts, config),
        stop: stop === null ? null : JSON.stringify(stop),
      }),
    },
    account: {
      token: async () => ({ status: "active", expiresOn: null, serverDateMs: NOW_MS }),
      namespace: async () => ({ title: "KV_CANARY_CONFIG" }),
      writable: async () => undefined,
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

async function ask(ports: Ports, own: object = { smoke: false }): Promise<Outcome<ValidateData>> {
  const given = { ...GIVEN, ...Object(validate.input.parse(own)) };
  const planned = await validate.plan(given, ports);
  if (planned.kind === "ended") return planned.outcome;
  if (planned.kind !== "answer") return expect.fail(planned.kind);
  return validate.apply(planned.steps, given, ports);
}

/** What stands in the way, by name. */
function against(outcome: Outcome<ValidateData>): Record<string, string> {
  const reasons = "data" in outcome ? (outcome.data?.reasons ?? []) : [];
  const open = reasons.filter(({ required, verdict }) => required && verdict !== "pass");
  return Object.fromEntries(open.map(({ name, verdict }) => [name, verdict]));
}

const said = (outcome: Outcome<ValidateData>): string => {
  const { out, err } = reportText(validate as unknown as CommandDef, outcome);
  return `${out}${err}`;
};

describe("GO", () => {
  it("on a healthy day, in one table, with the next stage", async () => {
    const outcome = await ask(portsOf());
    expect(exitCodeOf(outcome)).toBe(0);
    const lines = said(outcome).split("\n");
    expect(lines.slice(0, 3)).toEqual([
      "✔ GO for the next stage",
      "  share   10 % of new visitors to native, tag B2a",
      "  window  2025-11-12T02:13Z to 2025-11-13T02:13Z (24 h, 1,440 × 60 s)",
    ]);
    expect(lines.slice(4, 16)).toEqual([
      "  ✔ pass         doctor          8 of 8 checks",
      "  ✔ pass         live            10 % at 1 of 1 /qa",
      "  ✔ pass         native healthy  at 1 of 1",
      "  ✔ pass         proxy healthy   at 1 of 1",
      "    no_data      smoke checks    left out (--no-smoke)",
      "  ✔ pass         policy          no rule failed in 1,440 min",
      "                 no data: orphaned intents",
      "  ✔ pass         targets         errors 0.2 % (< 1 %), p90 180 ms (< 500 ms)",
      "  ✔ pass         native sample   1,440,000 native requests (at least 1,000)",
      "  ✔ pass         coverage        100 % of 1,440 buckets (at least 50 %)",
      "  ✔ pass         achieved share  10 % of 10,000 new visitors (10 % ± 1.2)",
      "  ✔ pass         no stop         none, nor any automatic action",
    ]);
    expect(lines.at(-1)).toBe(
      '→ next: pixcanary ramp start --env production --plan 25:24h --reason "…"',
    );
  });

  it.each([
    [0.5, "--plan 5:24h"],
    [50, "--plan 100"],
    [100, "pixcanary status"],
  ])("at %d per cent, the next stage is %s", async (percent, next) => {
    const native = percent * 100;
    const qa = sightingOf(PLAIN, percent).qa;
    const sighting = { qa: qa === null ? null : { ...qa, cookie_key_ids: ["k1"] } };
    const config = { canary_percent: percent };
    const outcome = await ask(portsOf({ config, native, sighting }));
    expect([exitCodeOf(outcome), outcome.next]).toEqual([0, expect.stringContaining(next)]);
  });

  it("makes the smoke checks unless told not to, and needs them then", async () => {
    let visits = 0;
    const visitor = {
      hasQaToken: true,
      send: async () => {
        visits += 1;
        throw new UpstreamError("unavailable", "no answer");
      },
    };
    const ports = portsOf({ ports: { visitor } });
    expect(against(await ask(ports))).toEqual({});
    expect(visits).toBe(0);
    expect(against(await ask(ports, {}))).toEqual({ "smoke checks": "fail" });
    expect(visits).toBeGreaterThan(0);
  });
});

const bad: Change = { native: { errors: 40 } };
const hoursAgo = (hours: number) => (startS: number) =>
  startS >= TO_S - hours * HOUR_S && startS < TO_S - hours * HOUR_S + 300 ? bad : null;
const stopEntry = (agoS: number): JournalEntry => ({
  ...entryOf(PLAIN, "S", agoS),
  command: "not-aus",
  before: null,
  after: { percent: 0, emergency: true, revision: null },
});

describe("NO-GO, each for its own reason", () => {
  const nobody: Sighting = {
    ...sightingOf(PLAIN, 10),
    status: null,
    qa: null,
    problem: "no answer",
  };
  const sick = (part: "native" | "proxy") => {
    const { qa } = sightingOf(PLAIN, 10);
    if (qa === null) return expect.fail("no document");
    const failing = { ...qa.health[part], status: "failing" as const, problem: "HTTP 500" };
    return { qa: { ...qa, health: { ...qa.health, [part]: failing } } };
  };
  const reject = (kind: UpstreamKind) => () => Promise.reject(new UpstreamError(kind, "HTTP 4xx"));

  it.each<[string, World, Record<string, string>, string]>([
    ["errors 20 h ago", { at: hoursAgo(20) }, { policy: "fail" }, "logs errors --env production"],
    [
      "errors now",
      { at: (s) => (s >= TO_S - 300 ? bad : null) },
      { policy: "fail" },
      "pixcanary not-aus --env production --reason 'error rate, critical 4 %",
    ],
    [
      "errors for two minutes, so far",
      { at: (s) => (s >= TO_S - 120 ? bad : null) },
      { policy: "inconclusive" },
      "pixcanary assess --env production",
    ],
    [
      "a little too slow all the time",
      {
        rows: {
          "request series": [
            { cohort: "native", phase: "b1a", requests: 900, errors: 0, p50: 1, p90: 500, p99: 1 },
          ],
        },
      },
      { targets: "fail" },
      "pixcanary assess --env production",
    ],
    [
      "a night without visitors of 13 h",
      { at: (s) => (s < TO_S - 11 * HOUR_S ? { native: { requests: 0, errors: 0 } } : null) },
      { coverage: "no_data" },
      "pixcanary validate --env production   # when there was more traffic",
    ],
    [
      "hardly any requests",
      { at: () => ({ native: { requests: 0.5, errors: 0 } }) },
      { policy: "no_data", targets: "no_data", "native sample": "no_data", coverage: "no_data" },
      "pixcanary assess --env production",
    ],
    [
      "a share that is not achieved",
      { native: 1_500 },
      { "achieved share": "fail" },
      "pixcanary verify --env production --fleet",
    ],
    [
      "a stop 20 h ago",
      { entries: [stopEntry(20 * HOUR_S)] },
      { "no stop": "fail" },
      "pixcanary history --env production",
    ],
    [
      "a journal that could not be read",
      {
        ports: {
          journal: {
            append: async () => [],
            recent: async () => ({ entries: [], warnings: ["journal in KV: HTTP 503"] }),
          },
        },
      },
      { "no stop": "no_data" },
      "pixcanary history --env production",
    ],
    [
      "an emergency that is on",
      {
        stop: { active: true, id: "S", at: new Date(NOW_MS).toISOString(), by: "anna" },
        sighting: sightingOf(PLAIN, 10, true),
      },
      { "achieved share": "no_data", "no stop": "fail" },
      'pixcanary restore --env production --reason "…"   # when the cause is fixed',
    ],
    [
      "native failing its pings",
      { sighting: sick("native") },
      { "native healthy": "fail" },
      "pixcanary logs errors --env production --since 30m --cohort native",
    ],
    [
      "proxy failing its pings",
      { sighting: sick("proxy") },
      { "proxy healthy": "fail" },
      "pixcanary status --env production",
    ],
    [
      "a /qa that does not answer",
      { sighting: nobody },
      {
        doctor: "fail",
        live: "fail",
        "native healthy": "no_data",
        "proxy healthy": "no_data",
      },
      "check qaUrls in pixcanary.json",
    ],
    [
      "a token that may not write",
      { ports: { account: { ...portsOf().account, writable: reject("forbidden") } } },
      { doctor: "fail" },
      "give the token Workers KV Storage: Edit on this account",
    ],
    [
      "no points in the dataset",
      { ports: { metrics: { ask: reject("not-found") } } },
      {
        ...{ policy: "no_data", targets: "no_data", "native sample": "no_data" },
        ...{ coverage: "no_data", "achieved share": "no_data", "no stop": "no_data" },
      },
      "pixcanary assess --env production",
    ],
  ])("%s", async (_, world, reasons, next) => {
    const clock = new VirtualClock();
    const outcome = await clock.play(ask({ ...portsOf(world), clock }));
    expect(against(outcome)).toEqual(reasons);
    expect([exitCodeOf(outcome), outcome.next]).toEqual([20, expect.stringContaining(next)]);
    const [headline] = said(outcome).split("\n");
    expect(headline).toContain("✖ validate: NO-GO for the next stage: ");
    for (const name of Object.keys(reasons)) expect(headline).toContain(name);
  });

  it("a failure 25 h ago is outside, a window of 25 h holds it", async () => {
    const ports = portsOf({ at: hoursAgo(25) });
    expect(against(await ask(ports))).toEqual({});
    expect(against(await ask(ports, { smoke: false, window: "25h" }))).toEqual({ policy: "fail" });
  });

  it("what is wanted can be less", async () => {
    const few = portsOf({
      at: (s) => (s < TO_S - HOUR_S ? { native: { requests: 0, errors: 0 } } : null),
    });
    const own = { smoke: false, minCoverage: "4" };
    expect(against(await ask(few, own))).toEqual({});
    expect(against(await ask(few, { ...own, minRequests: "60001" }))).toEqual({
      targets: "no_data",
      "native sample": "no_data",
    });
  });
});

describe("an API that fails", () => {
  const failing = (kind: UpstreamKind) => async () => {
    throw new UpstreamError(kind, "HTTP 5xx");
  };
  it.each<[string, Partial<Ports>, number, string]>([
    ["a refused token", { store: { ...PORTS.store, read: failing("auth") } }, 23, "doctor"],
    ["no state", { store: { ...PORTS.store, read: failing("unavailable") } }, 24, "status"],
    ["state too late", { store: { ...PORTS.store, read: failing("deadline") } }, 124, "status"],
    ["no right to the metrics", { metrics: { ask: failing("forbidden") } }, 23, "doctor"],
    ["no metrics", { metrics: { ask: failing("unavailable") } }, 24, "status"],
    [
      "a token that is unknown to the API",
      { account: { ...portsOf().account, token: failing("auth") } },
      23,
      "doctor",
    ],
  ])("%s", async (_, ports, code, next) => {
    const outcome = await ask(portsOf({ ports }), { smoke: false, window: "1h" });
    expect([outcome.kind, exitCodeOf(outcome)]).toEqual(["failed", code]);
    expect(outcome.next).toBe(`pixcanary ${next} --env production`);
    expect(said(outcome)).toContain("NO-GO: not everything could be looked at");
    expect("data" in outcome ? outcome.data?.verdict : null).toBe("NO-GO");
    if (code === 23 && "metrics" in ports) expect(said(outcome)).toContain("Analytics: Read");
  });

  it("one question that fails is enough: its answer could have been the bad one", async () => {
    const good = portsOf();
    const metrics: Ports["metrics"] = {
      ask: async (question, options) => {
        if (question("x").name === "failures by minute") throw await failing("unavailable")();
        return good.metrics.ask(question, options);
      },
    };
    expect(exitCodeOf(await ask({ ...good, metrics }))).toBe(24);
  });

  it("one that hangs is a deadline, within the time given", async () => {
    const clock = new VirtualClock();
    const hang = (_: unknown, { signal }: { signal: AbortSignal }) =>
      new Promise<never>((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          reject(new UpstreamError("unavailable", "metrics: cancelled while waiting"));
        });
      });
    const outcome = await clock.play(
      ask({ ...portsOf({ ports: { metrics: { ask: hang } } }), clock }),
    );
    expect([outcome.kind, exitCodeOf(outcome)]).toEqual(["failed", 124]);
    expect(clock.now() - NOW_MS).toBeLessThanOrEqual(GIVEN.timeoutMs);
  });
});

describe("the window", () => {
  it("is 1,440 of the policy's minutes unless told otherwise, and then wall time", async () => {
    const ports = portsOf();
    const policy = policyOf({ bucketSeconds: 1, settleSeconds: 0 });
    const rehearsal = { ...ports, target: { ...ports.target, policy } };
    const windowOf = (outcome: Outcome<ValidateData>) =>
      "data" in outcome ? outcome.data?.window : undefined;
    expect(windowOf(await ask(rehearsal))).toMatchObject({ buckets: 1_440, bucket_seconds: 1 });
    expect(windowOf(await ask(rehearsal, { smoke: false, window: "2m" }))?.buckets).toBe(120);
    const outcome = await ask(rehearsal, { smoke: false, window: "24h" });
    expect(exitCodeOf(outcome)).toBe(2);
    expect(outcome.next).toBe("pixcanary validate --env production --window 168m");
  });
  it.each(["", "24", "0h", "-1h", "yesterday", "2026-05-01", "1w"])("is not %j", (window) => {
    expect(validate.input.safeParse({ window }).success).toBe(false);
  });
});

test("a cohort for smoke checks that are left out is a mistake", async () => {
  expect(exitCodeOf(await ask(portsOf(), { smoke: false, cohort: "native" }))).toBe(2);
  expect(validate.input.safeParse({ cohort: "proxy" }).success).toBe(false);
});

describe("the ticket", () => {
  const ticketOf = async (world: World = {}) => {
    const outcome = await ask(portsOf(world), { smoke: false, markdown: true });
    return { outcome, ...reportText(validate as unknown as CommandDef, outcome) };
  };
  /** Cells of each row, by the pipes that GitHub takes for borders. */
  const cellsOf = (line: string) => line.split("|").length - 2;

  it("is all that is printed, and has everything in it", async () => {
    const { out, err, exitCode } = await ticketOf({ at: hoursAgo(20) });
    expect([exitCode, err]).toEqual([20, ""]);
    expect(out).toMatch(/^## NO-GO for the next stage of production\n/);
    for (const part of [
      "- **Environment:** production (Worker pix)",
      "- **Time:** 2025-11-13T02:13:37.000Z, by oncall@laptop",
      "- **Tool:** pixcanary 0.1.0",
      "- **Share of new visitors:** 10 %, tag B2a",
      `- **Revision:** ${PLAIN.revision}`,
      "- **Window:** 2025-11-12T02:13Z to 2025-11-13T02:13Z (24 h, 1,440 × 60 s)",
      "| policy | ✖ fail | 2 of 10 rules failed in 1,440 min | error rate, critical: 4 % at worst",
      "| error rate, critical | ✖ fail | 3 % | 3 × | 2025-11-12T06:16:00Z | 2025-11-12T06:18:00Z |",
      "**Verdict: NO-GO**",
      "```sh\npixcanary logs errors --env production --since 2025-11-12T06:13:00Z --until 2025-11-12T06:18:00Z",
    ]) {
      expect(out).toContain(part);
    }
    const go = await ticketOf();
    expect([go.exitCode, go.out]).toEqual([
      0,
      expect.stringContaining("```sh\npixcanary ramp start"),
    ]);
    const { out: json } = reportJson("validate", "production", go.outcome);
    expect(JSON.parse(json)).toMatchObject({ schema: 1, verdict: "GO", markdown: go.out });
  });

  it("keeps its tables, whatever foreign text holds", async () => {
    const evil = "a|b\n| c | <script> `x` [y](z) **d** @all\\|\u001b[31m";
    const texts: Texts = { actor: evil, reason: evil, colo: evil, problem: evil, revision: evil };
    const { out } = await ticketOf({ texts, entries: [{ ...stopEntry(60), actor: evil }] });
    const rows = out.split("\n").filter((line) => line.startsWith("|"));
    expect(new Set(rows.map(cellsOf))).toEqual(new Set([4, 8]));
    expect(rows.filter((line) => /^\| --- /.test(line))).toHaveLength(2);
    for (const live of ["<script", "\u001b", " @all", "`x`", "[y]("])
      expect(out).not.toContain(live);
  });
});

test("the table keeps to 80 columns, and no remote text reaches the terminal as it is (AT-23)", async () => {
  const one = hostileText(40);
  const texts = fc.record({ actor: one, reason: one, colo: one, problem: one, revision: one });
  const unsafe = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;
  await fc.assert(
    fc.asyncProperty(texts, async (given) => {
      const entries = [{ ...stopEntry(60), actor: given.actor, reason: given.reason }];
      const sighting = { qa: null, colo: given.colo, problem: given.problem };
      const clock = new VirtualClock();
      const ports = { ...portsOf({ texts: given, entries, sighting, rows: FEW }), clock };
      const outcome = await clock.play(ask(ports, { smoke: false, window: "20m" }));
      const lines = validate.render(outcome).split("\n");
      expect(lines.filter((line) => widthOf(line) > 80 || unsafe.test(line))).toEqual([]);
    }),
    { numRuns: 25 },
  );
});
/** Judging a whole day for each of them would take long. */
const FEW = { "health by minute": [] };
