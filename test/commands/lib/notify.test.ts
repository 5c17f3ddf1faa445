/** People are told after the change, and nothing about telling them reaches the change itself. */
import { describe, expect, it } from "vitest";
import type { CommonInput, Outcome } from "../../../src/commands/command.ts";
import { reduce } from "../../../src/commands/lower/reduce.ts";
import { pullTheStop } from "../../../src/commands/not-aus/not-aus.ts";
import { restore } from "../../../src/commands/restore/restore.ts";
import type { Notice } from "../../../src/domain/notices/notice.ts";
import type { Sighting } from "../../../src/domain/proof/expectation.ts";
import { qaSchema } from "../../../src/domain/proof/qa-document.ts";
import type { Debt } from "../../../src/domain/state/debt.ts";
import type { StateStore } from "../../../src/ports/api.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { AT_ONCE, type ModelKv, modelPorts, modelStore } from "../../support/fake-ports.ts";

const GIVEN: CommonInput = {
  reason: "test",
  incident: undefined,
  force: true,
  verify: false,
  timeoutMs: 10_000,
};
const CONFIG = JSON.stringify({
  canary_percent: 10,
  canary_tag: "B2a",
  emergency_proxy: false,
  last_updated: "2026-11-15T10:00:00Z",
  revision: "BEFORE",
});
const STOP = JSON.stringify({ active: true, id: "01JCQ", at: "2026-11-15T10:00:00Z" });

interface World {
  ports: Ports;
  /** What happened, in order. */
  events: string[];
  notices: Notice[];
  warnings: string[];
}

function world(
  faults: Partial<StateStore> = {},
  report: Ports["notifier"]["report"] = async () => [],
  kv: ModelKv = { config: [CONFIG], stop: [null] },
): World {
  const events: string[] = [];
  const notices: Notice[] = [];
  const warnings: string[] = [];
  const real = { ...modelStore(kv, AT_ONCE, [0]), ...faults };
  const store: StateStore = {
    read: (options) => real.read(options),
    async writeStop(stop, options) {
      await real.writeStop(stop, options);
      events.push(stop.active ? "stop" : "release");
    },
    async writeConfig(config, options) {
      await real.writeConfig(config, options);
      events.push("config");
    },
  };
  const base = modelPorts(store);
  const ports: Ports = {
    ...base,
    progress: { ...base.progress, warn: (text) => void warnings.push(text) },
    notifier: {
      channels: ["pagerduty", "slack"],
      unready: async () => [],
      async report(notice, options) {
        events.push(`notice ${notice.kind}`);
        notices.push(notice);
        return report(notice, options);
      },
      notify: async () => [],
    },
  };
  return { ports, events, notices, warnings };
}

/** A disk that only remembers. */
function keeper(): Ports["debts"] & { owed(): Debt[] } {
  const kept = new Map<string, Debt>();
  const { debts } = modelPorts(modelStore({ config: [CONFIG], stop: [null] }, AT_ONCE, [0]));
  return {
    ...debts,
    owed: () => [...kept.values()],
    keep: async (debt) => kept.set(debt.entry.id, debt).size > 0,
    drop: async (debt) => void kept.delete(debt.entry.id),
  };
}

/** Aborts when everything has run that was able to. */
function nextTurn(): AbortSignal {
  const over = new AbortController();
  setImmediate(() => over.abort());
  return over.signal;
}

/** As the shell runs a verb. */
async function runRestore(ports: Ports): Promise<Outcome<unknown>> {
  const given = { ...GIVEN, to: 10 };
  const planned = await restore.plan(given, ports);
  if (planned.kind !== "plan") throw new Error(JSON.stringify(planned));
  return restore.apply(planned.steps, given, ports);
}

async function runReduce(ports: Ports): Promise<Outcome<unknown>> {
  const given = { ...GIVEN, to: undefined };
  const planned = await reduce.plan(given, ports);
  if (planned.kind !== "plan") throw new Error(JSON.stringify(planned));
  return reduce.apply(planned.steps, given, ports);
}

/** The events before anybody was told; null when nobody was. */
function beforeNotice(events: readonly string[]): string[] | null {
  const nth = events.findIndex((event) => event.startsWith("notice"));
  return nth === -1 ? null : events.slice(0, nth);
}

describe("the order of events", () => {
  it("not-aus: both keys are written before anybody is told", async () => {
    const { ports, events, notices } = world();
    expect(await pullTheStop(GIVEN, ports)).toMatchObject({ kind: "done" });
    expect(beforeNotice(events)?.sort()).toEqual(["config", "stop"]);
    expect(notices).toMatchObject([
      { kind: "trigger", key: "pixcanary:model:stop", severity: "critical", source: "here" },
    ]);
  });

  it("a stop that tells people first is caught", async () => {
    const { ports, events, notices } = world();
    const { ports: other, notices: made } = world();
    await pullTheStop(GIVEN, other);
    const tellFirst = async () => {
      for (const notice of made) {
        await ports.notifier.report(notice, { signal: new AbortController().signal });
      }
      return pullTheStop(GIVEN, ports);
    };
    await tellFirst();
    expect(notices.length).toBeGreaterThan(0);
    expect(beforeNotice(events)).toEqual([]);
  });

  it("restore: the release is written before the topic is closed", async () => {
    const { ports, events } = world({}, async () => [], { config: [CONFIG], stop: [STOP] });
    expect(await runRestore(ports)).toMatchObject({ kind: "done" });
    expect(events).toEqual(["config", "release", "notice resolve"]);
  });

  it("reduce: an event, after the write", async () => {
    const { ports, events, notices } = world();
    expect(await runReduce(ports)).toMatchObject({ kind: "done" });
    expect(events).toEqual(["config", "notice event"]);
    expect(notices[0]?.title).toBe("reduce: 10 % → 5 % of new visitors to native");
  });
});

/** What `/qa` shows of a stop that is stored nowhere. */
const ORPHAN: Sighting = {
  url: "http://127.0.0.1/qa",
  atMs: 0,
  status: 200,
  colo: "FRA",
  decision: null,
  problem: null,
  qa: qaSchema().parse({
    endpoint: "worker /qa",
    schema: 1,
    timestamp: "2026-11-15T10:00:00Z",
    colo: "FRA",
    worker_version: null,
    canary: {
      sampling_active: false,
      percent: 10,
      tag: "B2a",
      cohort: "proxy",
      decision_reason: "emergency",
      emergency_proxy: true,
      revision: "BEFORE",
      last_updated: "2026-11-15T10:00:00Z",
      source: "kv",
      age_ms: 0,
    },
    stop: { active: true, id: "01JCQ", at: "2026-11-15T10:00:00Z", by: null, reason: null },
    health: {
      native: { status: "healthy", db_ping_ms: 1, r2_accessible: true, problem: null },
      proxy: { status: "healthy", origin_ping_ms: 1, reachable: true, problem: null },
    },
    cookie_key_ids: ["k1"],
  }),
};

it("a stop that only a location still shows is closed by its release, too", async () => {
  const { ports, events } = world();
  const qa = { urls: [ORPHAN.url], look: async () => ORPHAN };
  expect(await runRestore({ ...ports, qa })).toMatchObject({ kind: "done" });
  expect(events.slice(0, 2)).toEqual(["release", "config"]);
  expect(events.at(-1)).toBe("notice resolve");
});

const failed = (channel: string, problem: string, again: boolean) => ({
  channel,
  problem,
  fix: null,
  again,
});

describe("a notifier that fails is a warning", () => {
  it("says what went wrong; what no further try would mend is not kept", async () => {
    const debts = keeper();
    const { ports, warnings } = world({}, async () => [failed("slack", "refused", false)]);
    expect(await pullTheStop(GIVEN, { ...ports, debts })).toMatchObject({ kind: "done" });
    expect(warnings).toEqual(["notification through slack failed: refused"]);
    expect(debts.owed()).toEqual([]);
  });

  it("that could not be reached is kept on disk, and said to be queued", async () => {
    const debts = keeper();
    const { ports, warnings } = world({}, async () => [failed("slack", "HTTP 503", true)]);
    expect(await pullTheStop(GIVEN, { ...ports, debts })).toMatchObject({ kind: "done" });
    expect(warnings).toEqual([
      "notification through slack failed: HTTP 503; queued: being sent in the background",
    ]);
    expect(debts.owed()).toMatchObject([{ journal: false, channels: ["slack"] }]);
  });

  it("throws", async () => {
    const { ports, warnings } = world({}, () => Promise.reject(new Error("boom")));
    expect(await pullTheStop(GIVEN, ports)).toMatchObject({ kind: "done" });
    expect(warnings[0]).toMatch(/^notification through pagerduty failed: Error: boom; queued/);
  });

  it.each([
    [true, 400, "failed: no answer in time; queued: being sent in the background"],
    [false, 2_000, "failed: no answer in time"],
  ])(
    "never ends, and heeds no signal: kept on disk (%s) it holds the prompt for %i ms",
    async (onDisk, heldMs, words) => {
      const { ports, events, warnings } = world({}, () => new Promise(() => undefined));
      const timeout = (ms: number): AbortSignal => {
        const told = events.includes("stop") && ms === heldMs;
        return told ? nextTurn() : ports.clock.timeout(ms);
      };
      const debts = { ...ports.debts, keep: async () => onDisk };
      const clock = { ...ports.clock, timeout };
      const outcome = await pullTheStop(GIVEN, { ...ports, debts, clock });
      expect(outcome).toMatchObject({ kind: "done" });
      expect(warnings).toEqual(
        ["pagerduty", "slack"].map((channel) => `notification through ${channel} ${words}`),
      );
    },
  );

  it("after Ctrl-C it gets half a second", async () => {
    const interrupt = new AbortController();
    const limits: number[] = [];
    const { ports, events } = world({
      async writeConfig() {
        interrupt.abort("SIGINT");
      },
    });
    const timeout = (ms: number): AbortSignal => {
      if (interrupt.signal.aborted) limits.push(ms);
      return ports.clock.timeout(ms);
    };
    const outcome = await pullTheStop(GIVEN, {
      ...ports,
      interrupt: interrupt.signal,
      clock: { ...ports.clock, timeout },
    });
    expect(outcome).toMatchObject({ kind: "interrupted" });
    expect(events).toContain("notice trigger");
    expect(limits.slice(-2)).toEqual([500, 400]);
  });
});

describe("what a stop owes", () => {
  it("is on disk before it is told, and gone once it was taken", async () => {
    const debts = keeper();
    const kept: Debt[][] = [];
    const { ports } = world({}, async () => {
      kept.push(debts.owed());
      return [];
    });
    expect(await pullTheStop(GIVEN, { ...ports, debts })).toMatchObject({ kind: "done" });
    expect(kept).toMatchObject([
      [{ entry: { command: "not-aus" }, journal: true, channels: ["pagerduty", "slack"] }],
    ]);
    expect(debts.owed()).toEqual([]);
  });

  it("is kept while the journal in KV does not take it", async () => {
    const debts = keeper();
    const { ports, warnings } = world();
    const journal = { ...ports.journal, append: async () => ["journal in KV: HTTP 503"] };
    expect(await pullTheStop(GIVEN, { ...ports, debts, journal })).toMatchObject({ kind: "done" });
    expect(warnings).toEqual(["journal in KV: HTTP 503; queued: being sent in the background"]);
    expect(debts.owed()).toMatchObject([{ journal: true, channels: [] }]);
  });
});

describe("nobody is told", () => {
  const refused = () => Promise.reject(new UpstreamError("forbidden", "HTTP 403"));

  it("of a stop that was not written", async () => {
    const { ports, events } = world({ writeStop: refused, writeConfig: refused });
    expect(await pullTheStop(GIVEN, ports)).toMatchObject({ kind: "failed", code: "auth" });
    expect(events).toEqual([]);
  });

  it("of a reduction that was not written", async () => {
    const { ports, events } = world({ writeConfig: refused });
    expect(await runReduce(ports)).toMatchObject({ kind: "failed" });
    expect(events).toEqual([]);
  });

  it("without a channel", async () => {
    const { ports, events } = world();
    const notifier = { ...ports.notifier, channels: [] };
    expect(await pullTheStop(GIVEN, { ...ports, notifier })).toMatchObject({ kind: "done" });
    expect(beforeNotice(events)).toBeNull();
  });

  it("but of a stop that may have been written", async () => {
    const lost = () => Promise.reject(new UpstreamError("ambiguous", "answer lost"));
    const { ports, notices } = world({ writeStop: lost, writeConfig: lost });
    expect(await pullTheStop(GIVEN, ports)).toMatchObject({ kind: "pending" });
    expect(notices[0]?.details).toContain("not known to be written");
  });
});
