/** What relief says of proxy: only what was answered in time, and never instead of acting. */
import { describe, expect, it } from "vitest";
import type { ChangingVerb, CommonInput, Outcome } from "../../../src/commands/command.ts";
import { disable } from "../../../src/commands/lower/disable.ts";
import { reduce } from "../../../src/commands/lower/reduce.ts";
import { notAus } from "../../../src/commands/not-aus/not-aus.ts";
import type { BucketRow } from "../../../src/domain/metrics/queries.ts";
import { newestEndS } from "../../../src/domain/policy/observations.ts";
import type { Metrics } from "../../../src/ports/api.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { AT_ONCE, type ModelKv, modelPorts, modelStore, stored } from "../../support/fake-ports.ts";

const given: CommonInput = {
  reason: undefined,
  incident: undefined,
  force: false,
  verify: true,
  timeoutMs: 10_000,
};
const CONFIG = JSON.stringify({
  canary_percent: 10,
  canary_tag: "B2a",
  emergency_proxy: false,
  last_updated: "2020-01-01T00:00:00Z",
  revision: "BEFORE",
});
const VERBS: ChangingVerb[] = [notAus, reduce, disable];
const SICK = "! WARNING: the legacy origin (proxy) is failing too: proxy unhealthy 50 %";

/** A /qa that shows the change at the `looks`th look. */
function world(ask: Metrics["ask"], looks = 3): { ports: Ports; kv: ModelKv; asked: () => number } {
  const kv: ModelKv = { config: [CONFIG], stop: [null] };
  const plain = modelPorts(modelStore(kv, AT_ONCE, [0]));
  let asked = 0;
  let seen = 0;
  const look: Ports["qa"]["look"] = async (url) => {
    seen += 1;
    const nothing = { url, atMs: 0, status: 200, colo: "FRA", qa: null, problem: "no document" };
    const emergency = seen >= looks && stored(kv).stop !== null;
    const decision = { tag: "B2a", cohort: "proxy", reason: emergency ? "emergency" : "sampled" };
    return { ...nothing, decision: decision as never };
  };
  const metrics: Metrics = {
    ask(question, options) {
      asked += 1;
      return ask(question, options);
    },
  };
  // Each wait lets everything run that is able to; the budget ends after so many of them.
  const budget = new AbortController();
  let waits = 0;
  const clock = {
    ...plain.clock,
    timeout: (ms: number) => (ms === given.timeoutMs ? budget.signal : plain.clock.timeout(ms)),
    async sleep(_ms: number, signal: AbortSignal) {
      waits += 1;
      if (waits > 50) budget.abort();
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    },
  };
  const target = { ...plain.target, dataset: "canary_requests" };
  const qa = { urls: ["http://127.0.0.1/qa"], look };
  // A slow journal: a question that was put would have been sent by its end.
  const journal: Ports["journal"] = {
    ...plain.journal,
    async append() {
      for (let turn = 0; turn < 5; turn += 1) await new Promise((go) => setImmediate(go));
      return [];
    },
  };
  return { ports: { ...plain, clock, journal, target, qa, metrics }, kv, asked: () => asked };
}

async function run(verb: ChangingVerb, ports: Ports, input = given): Promise<Outcome<unknown>> {
  const planned = await verb.plan(input, ports);
  if (planned.kind !== "plan") throw new Error(`no plan: ${JSON.stringify(planned)}`);
  return verb.apply(planned.steps, input, ports);
}

/** Half of proxy's requests fail, in each of five minutes. */
const sickProxy =
  (ports: () => Ports): Metrics["ask"] =>
  async (question) => {
    const toS = newestEndS(Math.floor(ports().clock.now() / 1_000), ports().target.policy);
    const rows = Array.from({ length: 5 }, (_, index): BucketRow => {
      const times = { p50: 1, p90: 1, p99: 1 };
      return {
        bucket: toS - (index + 1) * 60,
        cohort: "proxy",
        ...{ requests: 100, observations: 100, errors: 50, errorObservations: 50 },
        ...times,
      };
    });
    return question("canary_requests").read(rows);
  };

describe.each(VERBS)("$name", (verb) => {
  it("says that proxy is sick, and obeys", async () => {
    const { ports, kv } = world((question, options) => sickProxy(() => ports)(question, options));
    const outcome = await run(verb, ports);
    expect(verb.render(outcome)).toContain(SICK);
    expect(outcome).toMatchObject({ data: { proxy_sick: expect.stringContaining("50 %") } });
    expect(stored(kv).config).not.toBe(CONFIG);
  });
  it("acts the same when nobody answers, when it fails, and when it is not asked", async () => {
    const never = () => new Promise<never>(() => undefined);
    const fails = () => Promise.reject(new Error("down"));
    const kinds: string[] = [];
    for (const ask of [never, fails]) {
      const { ports } = world(ask);
      const outcome = await run(verb, ports);
      expect(verb.render(outcome)).not.toContain("legacy origin");
      kinds.push(outcome.kind);
    }
    const quiet = world(fails);
    await run(verb, quiet.ports, { ...given, verify: false });
    const nowhere = world(fails);
    const target = { ...nowhere.ports.target, dataset: null };
    kinds.push((await run(verb, { ...nowhere.ports, target })).kind);
    expect([quiet.asked(), nowhere.asked()]).toEqual([0, 0]);
    const { ports } = world((question, options) => sickProxy(() => ports)(question, options));
    kinds.push((await run(verb, ports)).kind);
    expect(new Set(kinds).size).toBe(1);
  });
  it("asks only when it has written", async () => {
    let stateWhenAsked: unknown = null;
    const { ports, kv } = world(async () => {
      stateWhenAsked = stored(kv);
      return [];
    });
    await run(verb, ports);
    expect(stateWhenAsked).not.toBeNull();
    expect(stateWhenAsked).not.toEqual({ config: CONFIG, stop: null });
  });
  it("lets go of a question that nobody waits for any longer", async () => {
    let signal: AbortSignal | null = null;
    const { ports } = world((_question, options) => {
      signal = options.signal;
      return new Promise<never>(() => undefined);
    });
    await run(verb, ports);
    expect((signal as AbortSignal | null)?.aborted).toBe(true);
  });
});
