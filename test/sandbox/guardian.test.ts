/** The guardian in the real workerd: what it does by itself, once, and what it leaves to people. */

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ChangingVerb } from "../../src/commands/command.ts";
import { pullTheStop } from "../../src/commands/not-aus/not-aus.ts";
import { rampStart } from "../../src/commands/ramp/start.ts";
import { restore } from "../../src/commands/restore/restore.ts";
import type { GuardianDocument } from "../../src/domain/guardian/document.ts";
import { parseGuardian } from "../../src/domain/guardian/document.ts";
import { parseRamp, type RampDocument } from "../../src/domain/ramp/document.ts";
import { UNKNOWN_AUTHOR } from "../../src/domain/state/author.ts";
import { parseStop } from "../../src/domain/state/documents.ts";
import type { JournalEntry } from "../../src/domain/state/journal.ts";
import { parseJournalEntry } from "../../src/domain/state/journal.ts";
import { parseState, rawState } from "../../src/domain/state/state.ts";
import type { Ports } from "../../src/ports/ports.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { PATIENCE } from "../support/patience.ts";
import { GIVEN, portsOf } from "../support/ports-of.ts";
import { startSandbox } from "../support/sandbox.ts";
import { ensureBundle } from "../worker/bundle.ts";

/** A "minute" of one second; this machine's latencies are not what is tested. */
const POLICY = JSON.stringify({
  bucketSeconds: 1,
  settleSeconds: 0,
  minNativeRequests: 4,
  errorRateCritical: { minErrors: 1 },
  errorRateWarning: { minErrors: 1 },
  p90OverProxyCritical: { limitPercent: 100_000, minNativeRequests: 1 },
  p90OverProxyWarning: { limitPercent: 100_000, minNativeRequests: 1 },
  p90Warning: { limitMs: 60_000, minNativeRequests: 1 },
  orphanedIntents: { limit: 100_000 },
});

let sandbox: Sandbox;
let ports: Ports;
beforeAll(async () => {
  await ensureBundle();
  sandbox = await startSandbox({
    locations: ["FRA", "AMS"],
    lagMs: { min: 0, max: 0 },
    percent: 60,
    rateLimits: false,
    logs: false,
    qaMetrics: true,
    vars: { GUARDIAN: "enforce", POLICY },
  });
  ports = await portsOf(sandbox.description.configPath);
  await sandbox.control.startTraffic({
    visitors: 40,
    ratePerS: 60,
    mix: { upload: 0, jobs: 1, other: 0 },
  });
});
afterAll(async () => {
  await sandbox?.control.stopTraffic();
  await sandbox?.close();
});

const text = (key: string): string | null => sandbox.control.store.text(key);
const guardian = (): GuardianDocument | null => parseGuardian(text("guardian"));
const ramp = (): RampDocument | null => parseRamp(text("ramp"));
const share = (): number | null => {
  const { config } = parseState(rawState(text));
  return config.kind === "valid" ? config.value.canary_percent : null;
};
const stopBy = (): string | null => {
  const stop = parseStop(text("stop"));
  return stop.kind === "valid" && stop.value.active ? (stop.value.by ?? "") : null;
};

function journal(): JournalEntry[] {
  const { keys } = sandbox.control.store.list({ prefix: "journal/", limit: 1_000 });
  return keys.flatMap(({ name }) => parseJournalEntry(text(name) ?? "") ?? []);
}

function tick(colo = "FRA", at?: Date): Promise<void> {
  return sandbox.control.runScheduled(colo, at);
}

async function perform(def: unknown, own: Record<string, unknown>): Promise<string> {
  const verb = def as ChangingVerb;
  const given = { ...GIVEN, ...own } as never;
  const planned = await verb.plan(given, ports);
  const outcome =
    planned.kind === "ended" ? planned.outcome : await verb.apply(planned.steps, given, ports);
  return outcome.kind === "done" ? "done" : JSON.stringify(outcome);
}

/** On a busy machine a health check may go without an answer; what is refused then has written nothing. */
async function performed(def: unknown, own: Record<string, unknown>): Promise<void> {
  await vi.waitFor(async () => expect(await perform(def, own)).toBe("done"), PATIENCE);
}

function written(): string[] {
  const keys: string[] = [];
  sandbox.control.store.onWrite(({ key }) => keys.push(key));
  return keys;
}

describe("the guardian, enforcing", () => {
  it("does nothing while native is healthy", async () => {
    await vi.waitFor(async () => {
      await tick();
      expect(guardian()).toMatchObject({ mode: "enforce", verdict: "pass", latched: null });
    }, PATIENCE);
    expect(stopBy()).toBeNull();
    expect(share()).toBe(60);
  });

  it("pulls the stop when native fails, says so, and is latched", async () => {
    sandbox.control.forgetNotices();
    sandbox.control.setNative({ errorShare: 1 });
    await vi.waitFor(async () => {
      await tick("AMS");
      expect(stopBy()).toBe("guardian");
    }, PATIENCE);
    expect(guardian()?.latched).toMatchObject({ action: "not-aus" });
    const entry = journal().find(({ actor }) => actor === "guardian");
    expect(entry).toMatchObject({
      command: "not-aus",
      before: { percent: 60 },
      after: { emergency: true },
    });
    expect(entry?.reason).toContain("error rate, critical");
    // A look waits 250 ms for the carriers, and then shows what the isolate remembers.
    await vi.waitFor(async () => {
      const { qa } = await ports.qa.look(ports.qa.urls[0] ?? "", { signal: ports.interrupt });
      expect(qa?.canary.emergency_proxy).toBe(true);
    }, PATIENCE);
    const { pagerduty } = sandbox.control.notices();
    expect(JSON.stringify(pagerduty.open)).toContain(":stop");
  });

  it("changes nothing when the same tick comes again", async () => {
    const at = new Date(guardian()?.last_tick ?? "");
    const keys = written();
    await Promise.all([tick("FRA", at), tick("FRA", at), tick("AMS", at)]);
    expect(
      keys.filter((key) => key === "config" || key === "stop" || key.startsWith("journal/")),
    ).toEqual([]);
  });

  it("writes nothing at a tick that comes late, and says so", async () => {
    sandbox.control.forgetNotices();
    const keys = written();
    await tick("FRA", new Date(Date.now() - 95_000));
    expect(keys).toEqual([]);
    expect(JSON.stringify(sandbox.control.notices())).toContain("was late and did nothing");
  });

  it("finds what it did in the newest of 1,100 entries of the journal", async () => {
    const [latched, stop] = [guardian()?.latched, text("stop") ?? ""];
    const day = new Date(latched?.at ?? "").toISOString().slice(0, 10);
    const keys = Array.from({ length: 1_100 }, (_, i) => `journal/${day}T00:00:00-${i}`);
    for (const key of keys) sandbox.control.store.put(key, "{}");
    // The journal alone knows that it has acted.
    sandbox.control.store.delete("guardian");
    sandbox.control.store.put("stop", JSON.stringify({ ...JSON.parse(stop), by: "ada" }));
    await vi.waitFor(async () => {
      await tick();
      expect(guardian()?.latched).toMatchObject({ id: latched?.id, action: "not-aus" });
    }, PATIENCE);
    sandbox.control.store.put("stop", stop);
    for (const key of keys) sandbox.control.store.delete(key);
  });

  it("leaves it to people until one has armed it again", async () => {
    // By hand, past restore: the stop is released and native goes on failing.
    const stop = parseStop(text("stop"));
    const id = stop.kind === "valid" ? stop.value.id : "";
    const now = new Date().toISOString();
    sandbox.control.store.put(
      "stop",
      JSON.stringify({ active: false, id: "HAND", at: now, releases: { id } }),
    );
    const config = {
      canary_percent: 60,
      canary_tag: "B2a",
      emergency_proxy: false,
      last_updated: now,
    };
    sandbox.control.store.put("config", JSON.stringify(config));
    await vi.waitFor(async () => {
      await tick();
      expect(guardian()?.verdict).toBe("fail");
    }, PATIENCE);
    expect(stopBy()).toBeNull();
    expect(share()).toBe(60);
    const arm = { schema: 1, at: "1999-01-01T00:00:00Z", by: "ada", id: "ARM", through: id };
    sandbox.control.store.put("guardian-arm", JSON.stringify(arm));
    await vi.waitFor(async () => {
      await tick();
      expect(stopBy()).toBe("guardian");
    }, PATIENCE);
  });

  it("is armed by restore; without metrics it does nothing", async () => {
    sandbox.control.setNative({ errorShare: 0 });
    await performed(restore, { to: 30 });
    expect(text("guardian-arm")).toContain("by");
    await sandbox.control.addFault({
      kind: "server-error",
      match: { pathContains: "analytics_engine" },
    });
    const before = sandbox.control.trafficReport().requests.total;
    sandbox.control.setNative({ errorShare: 1 });
    await vi.waitFor(
      () => expect(sandbox.control.trafficReport().requests.total).toBeGreaterThan(before + 200),
      PATIENCE,
    );
    for (let i = 0; i < 5; i += 1) await tick();
    expect(guardian()?.verdict).toBe("no_data");
    expect(stopBy()).toBeNull();
    sandbox.control.setNative({ errorShare: 0 });
    await sandbox.control.forgetPoints();
    await sandbox.control.clearFaults();
  });
});

describe("a detached ramp", () => {
  const start = (plan: string) =>
    performed(rampStart, { plan, detach: true, fromStop: false, lease: undefined, minRequests: 5 });

  it("goes up by ticks, each step judged", async () => {
    await vi.waitFor(async () => {
      await tick();
      expect(guardian()?.verdict).toBe("pass");
    }, PATIENCE);
    const before = text("config");
    await start("60:2s,100");
    await vi.waitFor(async () => {
      await tick();
      expect(ramp()?.state).toBe("done");
    }, PATIENCE);
    expect(share()).toBe(100);
    // By the cron's own key: what people write is left as it is.
    expect(text("config")).toBe(before);
    const steps = journal().filter(
      ({ command, before, after }) => command === "ramp" && before?.percent !== after.percent,
    );
    expect(steps.map(({ after }) => after.percent)).toEqual([60, 100]);
  });

  /** What somebody puts there with wrangler. */
  const byHand = (canary_percent: number): string => {
    const last_updated = new Date(Date.now() + 1_000).toISOString();
    const rest = { canary_tag: "B2a", emergency_proxy: false, last_updated };
    const config = JSON.stringify({ canary_percent, ...rest });
    sandbox.control.store.put("config", config);
    return config;
  };

  it("ends as a conflict against a disable by hand, which stays", async () => {
    byHand(10);
    await start("20:60s,100");
    await vi.waitFor(async () => {
      await tick();
      expect(ramp()?.step).toBe(0);
    }, PATIENCE);
    expect(share()).toBe(20);
    const disabled = byHand(0);
    await tick();
    expect(ramp()).toMatchObject({ state: "conflict", ended: { by: UNKNOWN_AUTHOR } });
    await tick();
    expect([share(), text("config")]).toEqual([0, disabled]);
  });

  it("ends as a conflict when the stop is pulled, and raises nothing more", async () => {
    byHand(10);
    await start("20:60s,100");
    await vi.waitFor(async () => {
      await tick();
      expect(ramp()?.phase).toBe("hold");
    }, PATIENCE);
    expect((await pullTheStop(GIVEN, ports)).kind).toBe("done");
    await tick("AMS");
    expect(ramp()).toMatchObject({ state: "conflict" });
    expect(ramp()?.ended?.why).toContain("a stop was set");
    await tick();
    expect(share()).toBe(0);
  });
});
