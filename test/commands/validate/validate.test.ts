/** `validate` on ports that answer as told: each reason, the exit codes, the next command. */
import { describe, expect, it, test } from "vitest";
import { exitCodeOf } from "../../../src/cli/exit.ts";
import type { Outcome } from "../../../src/commands/command.ts";
import type { ValidateData } from "../../../src/commands/validate/data.ts";
import { validate } from "../../../src/commands/validate/validate.ts";
import type { Sighting } from "../../../src/domain/proof/expectation.ts";
import type { UpstreamKind } from "../../../src/ports/errors.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { policyOf } from "../../domain/policy/world.ts";
import { GIVEN } from "../../support/ports-of.ts";
import { NOW_MS, PLAIN, PORTS, sightingOf, VirtualClock } from "../watch/world.ts";
import {
  against,
  ask,
  bad,
  configOf,
  HOUR_S,
  hoursAgo,
  portsOf,
  said,
  stopEntry,
  TO_S,
  type World,
} from "./world.ts";

describe("GO", () => {
  it("on a healthy day, in one table, with the next stage", async () => {
    const outcome = await ask(portsOf());
    expect(exitCodeOf(outcome)).toBe(0);
    const lines = said(outcome).split("\n");
    expect(lines.slice(0, 3)).toEqual([
      "✔ GO for the next step",
      "  share   10 % of new visitors to native, tag B2a",
      "  window  2025-11-12T02:13Z to 2025-11-13T02:13Z (24 h, 1,440 × 60 s)",
    ]);
    expect(lines.slice(4, 22)).toEqual([
      "  ✔ pass         doctor          15 of 15 checks, 3 with a warning",
      "                 beacon: none: a stop reaches other locations by KV alone, in 60",
      "                   s or more",
      "                 metrics: no dataset configured: assess, status, watch and",
      "                   verify --fleet have no metrics",
      "                 logs: no logs bucket configured: logs pull and logs errors",
      "                   cannot work",
      "  ✔ pass         live            10 % at 1 of 1 /qa",
      "  ✔ pass         native ping     at 1 of 1",
      "  ✔ pass         proxy ping      at 1 of 1",
      "    no_data      smoke checks    skipped (--no-smoke)",
      "  ✔ pass         policy          no rule failed in 1,440 min",
      "                 no data: orphaned intents",
      "  ✔ pass         targets         errors 0.2 % (< 1 %), p90 180 ms (< 500 ms)",
      "  ✔ pass         native sample   1,440,000 native requests (at least 1,000)",
      "  ✔ pass         coverage        100 % of 1,440 buckets (at least 50 %)",
      "  ✔ pass         achieved share  10 % of 10,000 new visitors (10 % ± 1.2)",
      "  ✔ pass         no stop         no stop, no automatic action",
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
      hasSession: false,
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
            {
              cohort: "native",
              phase: "b1a",
              requests: 900,
              observations: 900,
              errors: 0,
              p50: 1,
              p90: 500,
              p99: 1,
            },
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
      "pixcanary validate --env production   # after more traffic",
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
            appendHere: async () => [],
            openIncident: async () => null,
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
      { "native ping": "fail" },
      "pixcanary logs errors --env production --since 30m --cohort native",
    ],
    [
      "proxy failing its pings",
      { sighting: sick("proxy") },
      { doctor: "fail", "proxy ping": "fail" },
      "look at the legacy origin",
    ],
    [
      "a /qa that does not answer",
      { sighting: nobody },
      {
        doctor: "fail",
        live: "fail",
        "native ping": "no_data",
        "proxy ping": "no_data",
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
    expect(headline).toContain("✖ validate: NO-GO for the next step: ");
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
    expect(said(outcome)).toContain("NO-GO: not everything could be checked");
    expect("data" in outcome ? outcome.data?.verdict : null).toBe("NO-GO");
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

describe("somebody who changes the state meanwhile", () => {
  const STOP = JSON.stringify({ active: true, id: "S", by: "anna" });
  /** What each read of the state answers in turn; the last one from then on. */
  const reads = (states: { config?: object; stop?: string }[]) => {
    let nth = 0;
    const read = async () => {
      const { config = {}, stop = null } = states[Math.min(nth, states.length - 1)] ?? {};
      nth += 1;
      return { config: configOf(PLAIN, config), stop };
    };
    return portsOf({ ports: { store: { ...PORTS.store, read } } });
  };
  // The first two reads are doctor's and our own, at the beginning.
  const before = [{}, {}];

  it("makes it a conflict, and never a GO", async () => {
    const changes = [
      { stop: STOP },
      { config: { canary_percent: 25 } },
      { config: { revision: "X" } },
    ];
    for (const after of changes) {
      const outcome = await ask(reads([...before, after]), { smoke: false, window: "1h" });
      expect([outcome.kind, exitCodeOf(outcome)]).toEqual(["failed", 25]);
      expect("data" in outcome ? outcome.data?.verdict : null).toBe("NO-GO");
      expect(said(outcome)).toContain("NO-GO: the checked state is no longer in force");
    }
  });

  it("is not seen in one old read, nor in a config that was written again as it was", async () => {
    const own = { smoke: false, window: "1h", minRequests: "1" };
    const old = [...before, { config: { revision: "OLD" } }, {}];
    expect(exitCodeOf(await ask(reads(old), own))).toBe(0);
    const renewed = [...before, { config: { last_updated: new Date(NOW_MS).toISOString() } }];
    expect(exitCodeOf(await ask(reads(renewed), own))).toBe(0);
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

test("intents that an emergency caught are no orphans, as in assess", async () => {
  const stop = stopEntry(6 * HOUR_S);
  const stopS = Date.parse(stop.at) / 1_000;
  const end = new Date((stopS + 600) * 1_000).toISOString();
  const released = {
    ...stop,
    id: "E2",
    at: end,
    command: "restore",
    after: { ...stop.after, emergency: false },
  };
  const bucket = Math.floor((stopS - 120) / 60) * 60;
  const rows = {
    "orphaned intents by minute": [bucket, bucket + HOUR_S].map((start, after) => ({
      bucket: start,
      intents: 500,
      finalized: 500 * after,
      requests: 0,
    })),
  };
  const verdictOf = async (entries: World["entries"]) => {
    const outcome = await ask(portsOf({ rows, ...(entries === undefined ? {} : { entries }) }));
    const { policy } = "data" in outcome && outcome.data ? outcome.data : expect.fail("no data");
    return policy.find(({ rule }) => rule === "orphaned_intents")?.verdict;
  };
  expect(await verdictOf([stop, released])).toBe("pass");
  expect(await verdictOf(undefined)).toBe("fail");
});
