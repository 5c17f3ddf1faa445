/** Guards of the stop and of its release that no race reaches: one fault each, on a model of KV. */

import { describe, expect, it } from "vitest";
import type { CommonInput } from "../../src/commands/command.ts";
import { disable } from "../../src/commands/lower/disable.ts";
import { reduce } from "../../src/commands/lower/reduce.ts";
import { notAus, pullTheStop } from "../../src/commands/not-aus/not-aus.ts";
import { releaseStop } from "../../src/commands/restore/release-stop.ts";
import { restore } from "../../src/commands/restore/restore.ts";
import { decide } from "../../src/domain/decision/decide.ts";
import type { Sighting } from "../../src/domain/proof/expectation.ts";
import type { QaDocument } from "../../src/domain/proof/qa-document.ts";
import { UNKNOWN_AUTHOR } from "../../src/domain/state/author.ts";
import { parseStop, type StopDocument } from "../../src/domain/state/documents.ts";
import { EMPTY_MEMORY, effectiveState, remember } from "../../src/domain/state/isolate-memory.ts";
import type { JournalEntry } from "../../src/domain/state/journal.ts";
import type { RawState } from "../../src/domain/state/state.ts";
import type { StateStore } from "../../src/ports/api.ts";
import { UpstreamError } from "../../src/ports/errors.ts";
import type { Ports } from "../../src/ports/ports.ts";
import { qaDocument } from "../../worker/qa/document.ts";
import { AT_ONCE, type ModelKv, modelPorts, modelStore, stored } from "../support/fake-ports.ts";

const URL_OF_QA = "http://127.0.0.1/qa";
const LOOKS = 5;
const given: CommonInput = {
  reason: "test",
  incident: undefined,
  force: true,
  verify: false,
  timeoutMs: 10_000,
};

const configAt = (last_updated: string) =>
  JSON.stringify({
    canary_percent: 10,
    canary_tag: "B2a",
    emergency_proxy: false,
    last_updated,
    revision: "BEFORE",
  });
const OLD = "2020-01-01T00:00:00Z";

function world(
  kv: ModelKv,
  faults: (store: StateStore) => Partial<StateStore> = () => ({}),
): Ports {
  const store = modelStore(kv, AT_ONCE, [0]);
  return modelPorts({ ...store, ...faults(store) });
}

/** Every look sees the same; the budget of a command ends with the last one. */
function showing(ports: Ports, sighting: Partial<Sighting>): Ports {
  const budget = new AbortController();
  let looks = 0;
  const look = async (url: string): Promise<Sighting> => {
    looks += 1;
    if (looks >= LOOKS) budget.abort();
    const nothing = { atMs: 0, status: 200, colo: "FRA", decision: null, qa: null, problem: null };
    return { url, ...nothing, ...sighting };
  };
  const timeout = (ms: number) =>
    ms === given.timeoutMs ? budget.signal : ports.clock.timeout(ms);
  return { ...ports, qa: { urls: [URL_OF_QA], look }, clock: { ...ports.clock, timeout } };
}

describe("a mirror that is refused", () => {
  const WARNING = "! emergency flag in config not confirmed; run not-aus again";
  const shown = async (faults?: Parameters<typeof world>[1]) => {
    const outcome = await pullTheStop(
      given,
      world({ config: [configAt(OLD)], stop: [null] }, faults),
    );
    expect(outcome.kind).toBe("done");
    return notAus.render(outcome);
  };

  it("is said although the stop is done, and only then", async () => {
    const refuse = () => Promise.reject(new UpstreamError("rejected", "HTTP 400"));
    expect(await shown(() => ({ writeConfig: refuse }))).toContain(WARNING);
    expect(await shown()).not.toContain(WARNING);
  });
});

describe("a decision header without a document", () => {
  const refused: Partial<Sighting> = {
    status: 401,
    decision: { tag: "B2a", cohort: "proxy", reason: "emergency" },
    problem: "needs PIXCANARY_QA_TOKEN (HTTP 401)",
  };
  const stopAfter = (last_updated: string) => {
    const ports = world({ config: [configAt(last_updated)], stop: [null] });
    return pullTheStop({ ...given, verify: true }, showing(ports, refused));
  };

  it("proves a stop when config has been quiet for long", async () => {
    expect((await stopAfter(OLD)).kind).toBe("done");
  });
  it.each(["<NOW>", "", "+275760-09-13T00:00:00.001Z"])(
    "proves nothing when nobody can tell how long: %j",
    async (last_updated) => {
      const outcome = await stopAfter(last_updated);
      expect(outcome).toMatchObject({
        kind: "pending",
        data: { missing: [{ because: expect.stringContaining("possibly an earlier one") }] },
      });
    },
  );
});

describe("a release whose answer is lost", () => {
  const STOP = JSON.stringify({ active: true, id: "OLD", at: OLD });
  const RELEASE: StopDocument = { active: false, id: "R", releases: { id: "OLD" } };
  const lost = new UpstreamError("ambiguous", "the connection was reset");
  const releasing = (arrives: (kv: ModelKv, text: string) => void) => {
    const kv: ModelKv = { config: [configAt(OLD)], stop: [STOP] };
    const ports = world(kv, () => ({
      async writeStop(stop) {
        arrives(kv, JSON.stringify(stop));
        throw lost;
      },
    }));
    const guard = { stopText: STOP, revision: "BEFORE" };
    return releaseStop(ports, RELEASE, guard, { signal: ports.interrupt });
  };

  it("is done when it is read back", async () => {
    expect(await releasing((kv, text) => kv.stop.push(text))).toEqual({ kind: "released" });
  });
  it("is unknown when it is not there: it may yet arrive", async () => {
    expect(await releasing(() => undefined)).toEqual({ kind: "unknown", error: lost });
  });
  it("is a conflict when another stop is there", async () => {
    const other = JSON.stringify({ active: true, id: "NEW", at: OLD });
    expect(await releasing((kv) => kv.stop.push(other))).toMatchObject({
      kind: "conflict",
      truth: expect.stringMatching(/^nothing was released; an emergency is stored/),
    });
  });
  it("is a conflict when somebody wrote config meanwhile, and says whether it arrived", async () => {
    const result = await releasing((kv, text) => {
      kv.stop.push(text);
      kv.config.push(configAt(OLD).replace("BEFORE", "THEIRS"));
    });
    expect(result).toMatchObject({
      kind: "conflict",
      truth: expect.stringMatching(/^the stop is released; /),
    });
  });
});

describe("an emergency that only /qa still shows", () => {
  const stopShown = (stop: Partial<QaDocument["stop"]>, emergency = true): Partial<Sighting> => ({
    qa: {
      endpoint: "worker /qa",
      schema: 1,
      timestamp: OLD,
      colo: "FRA",
      worker_version: null,
      canary: {
        sampling_active: false,
        percent: 10,
        tag: "B2a",
        cohort: "proxy",
        decision_reason: emergency ? "emergency" : "sampled",
        emergency_proxy: emergency,
        revision: "BEFORE",
        last_updated: OLD,
        source: "kv",
        age_ms: 0,
      },
      stop: { active: false, id: null, at: null, by: null, reason: null, ...stop },
      health: {
        native: { status: "healthy", db_ping_ms: 1, r2_accessible: true, problem: null },
        proxy: { status: "healthy", origin_ping_ms: 1, reachable: true, problem: null },
      },
      cookie_key_ids: [],
    },
  });
  /** Back to the very share that is stored: without a stop, nothing would have to change. */
  async function restored(
    sighting: Partial<Sighting>,
    stop: string | null,
    config = configAt(OLD),
  ) {
    const kv: ModelKv = { config: [config], stop: [stop] };
    const ports = showing(world(kv), sighting);
    const planned = await restore.plan({ ...given, to: 10 }, ports);
    if (planned.kind !== "plan") return { ...planned, stop: parseStop(stored(kv).stop) };
    const outcome = await restore.apply(planned.steps, { ...given, to: 10 }, ports);
    return { kind: outcome.kind, changes: planned.changes, stop: parseStop(stored(kv).stop) };
  }
  const released = (releases: object) => ({
    kind: "done",
    changes: expect.arrayContaining([expect.objectContaining({ what: "stop", after: "released" })]),
    stop: { kind: "valid", value: { active: false, releases } },
  });
  const RELEASED = JSON.stringify({ active: false, id: "R", at: OLD });

  it.each([null, RELEASED])("is released by name: stored is %s", async (stop) => {
    const seen = stopShown({ active: true, id: "LOST", at: OLD });
    expect(await restored(seen, stop)).toMatchObject(released({ id: "LOST", at: OLD }));
  });
  it("is released up to now when it has no time, or was never readable", async () => {
    const now = expect.stringMatching(/^2025-11-13T/);
    expect(await restored(stopShown({ active: true }), null)).toMatchObject(released({ at: now }));
    expect(await restored(stopShown({}), null)).toMatchObject(released({ at: now }));
    const stored = '{"active":true}';
    expect(await restored(stopShown({}), stored)).toMatchObject(released({ at: now }));
  });
  it("is released by name next to an unreadable config, which says nothing of a stop", async () => {
    const config = '{"emergency_proxy":true}';
    const seen = stopShown({ active: true, id: "LOST", at: OLD });
    expect(await restored(seen, null, config)).toMatchObject(released({ id: "LOST", at: OLD }));
    expect((await restored(stopShown({}), null, config)).stop).toEqual({ kind: "absent" });
  });
  it("is nothing when no location shows it", async () => {
    expect(await restored(stopShown({}, false), null)).toMatchObject({ kind: "done", changes: [] });
  });
});

describe("an emergency by hand that stale reads of the API hid", () => {
  const HAND = '{"emergency_proxy":true,"last_updated":"2020-01-01T00:00:00Z"}';
  const reads = { config: HAND, stop: null };
  /** Isolates hold what they saw; the API answers its first reads from before the emergency. */
  function stale(
    staleReads = 2,
    others: Partial<ModelKv> = {},
    alsoRead: (now: RawState) => string | null = () => null,
  ): { kv: ModelKv; ports: Ports } {
    const kv: ModelKv = { config: [configAt(OLD), HAND], stop: [null], ...others };
    let memory = others.config === undefined ? remember(EMPTY_MEMORY, reads, 0) : EMPTY_MEMORY;
    const ports = world(kv, (store) => {
      let reads = 0;
      return {
        async read(options) {
          const now = await store.read(options);
          reads += 1;
          return reads <= staleReads ? { ...now, config: configAt(OLD) } : now;
        },
      };
    });
    // Without what is tested here the looking would never end: the waits of this world take no time.
    const budget = new AbortController();
    let looks = 0;
    const timeout = (ms: number) =>
      ms === given.timeoutMs ? budget.signal : ports.clock.timeout(ms);
    const look = async (url: string): Promise<Sighting> => {
      looks += 1;
      if (looks >= 10 * LOOKS) budget.abort();
      const nowMs = ports.clock.now();
      const config = alsoRead(stored(kv));
      if (config !== null) memory = remember(memory, { ...stored(kv), config }, nowMs);
      memory = remember(memory, stored(kv), nowMs);
      const state = effectiveState(memory, nowMs);
      const facts = { state, override: false, cookie: null, draw: 0 };
      const qa = qaDocument({
        nowMs,
        colo: "FRA",
        workerVersion: null,
        decision: decide(facts),
        state,
        beacon: null,
        health: HEALTH,
        metrics24h: undefined,
        cookieKeyIds: [],
        guardian: "off",
        operators: null,
        environment: null,
        proxyOnly: false,
      });
      const { cohort, reason } = decide(facts);
      const decision = { tag: "B2a", cohort, reason };
      return { url, atMs: nowMs, status: 200, colo: "FRA", decision, qa, problem: null };
    };
    const clock = { ...ports.clock, timeout };
    return { kv, ports: { ...ports, clock, qa: { urls: [URL_OF_QA], look } } };
  }
  const HEALTH: QaDocument["health"] = {
    native: { status: "healthy", db_ping_ms: 1, r2_accessible: true, problem: null },
    proxy: { status: "healthy", origin_ping_ms: 1, reachable: true, problem: null },
  };
  const seen = { ...given, verify: true, to: 5 };
  const run = async (command: "reduce" | "disable", ports: Ports) => {
    const planned =
      command === "reduce" ? await reduce.plan(seen, ports) : await disable.plan(seen, ports);
    if (planned.kind !== "plan") throw new Error("not planned");
    return command === "reduce"
      ? reduce.apply(planned.steps, seen, ports)
      : disable.apply(planned.steps, seen, ports);
  };
  const fresh = (kv: ModelKv) => effectiveState(remember(EMPTY_MEMORY, stored(kv), 0), 0);

  it.each(["reduce", "disable"] as const)(
    "is not covered by %s when a second look shows it, wherever else it was seen",
    async (command) => {
      const { kv, ports } = stale(1);
      const unaware = { ...ports, qa: { ...ports.qa, urls: [] } };
      expect(await run(command, unaware)).toMatchObject({
        kind: "failed",
        code: "conflict",
        message: expect.stringContaining(UNKNOWN_AUTHOR),
        truth: "the emergency stays in force; nothing was written",
      });
      expect(stored(kv).config).toBe(HAND);
    },
  );
  /** Its plan asks no location: what all see by then is named. */
  const goUp = async (ports: Ports, how = seen) => {
    const up = { ...how, to: 20 };
    const planned = await restore.plan(up, { ...ports, qa: { ...ports.qa, urls: [] } });
    if (planned.kind !== "plan") throw new Error("not planned");
    return restore.apply(planned.steps, up, ports);
  };
  it.each(["reduce", "disable", "restore"] as const)(
    "is put back by %s, and told",
    async (command) => {
      const { kv, ports } = stale();
      expect(await (command === "restore" ? goUp(ports) : run(command, ports))).toMatchObject({
        kind: "failed",
        code: "conflict",
        message: expect.stringContaining(UNKNOWN_AUTHOR),
        truth: expect.stringMatching(
          /^the emergency was reinstated: all traffic goes to proxy \(the legacy origin\); /,
        ),
        data: { after: { emergency: true } },
      });
      expect(fresh(kv)).toMatchObject({ emergency: true });
    },
  );
  const STOP = JSON.stringify({ active: true, id: "S", at: OLD });
  it("keeps a restore from releasing the stop that it did see", async () => {
    const { kv, ports } = stale(2, { stop: [STOP] });
    expect(await goUp(ports)).toMatchObject({
      kind: "failed",
      code: "conflict",
      message: expect.stringContaining(UNKNOWN_AUTHOR),
      truth: expect.stringMatching(
        /^an emergency is stored: where it is live, all traffic is on proxy \(the legacy origin\); /,
      ),
    });
    expect(stored(kv).stop).toBe(STOP);
  });
  it("is put back by a restore where only the proof of the release shows it", async () => {
    const { kv, ports } = stale(2, { config: [configAt(OLD)], stop: [STOP] }, (now) => {
      return now.stop === STOP ? null : HAND;
    });
    expect(await goUp(ports)).toMatchObject({
      kind: "failed",
      code: "conflict",
      truth: expect.stringMatching(/^the emergency was reinstated: /),
    });
    expect(fresh(kv)).toMatchObject({ emergency: true });
  });
  it("as a stop that another release has covered is named by the next restore, wherever it is", async () => {
    const { kv, ports } = stale(0, { config: [configAt(OLD)], stop: [STOP] });
    const other = JSON.stringify({ active: true, id: "OTHER", at: OLD });
    const { mark } =
      effectiveState(remember(EMPTY_MEMORY, { config: null, stop: other }, 0), 0).inForce[0] ?? {};
    kv.config.push(
      JSON.stringify({
        ...JSON.parse(configAt(OLD)),
        emergency_proxy: true,
        lifts: [{ id: "OTHER", mark }],
      }),
    );
    await goUp(ports, { ...seen, verify: false });
    expect(parseStop(stored(kv).stop)).toMatchObject({
      value: { releases: { stops: expect.arrayContaining([expect.objectContaining({ mark })]) } },
    });
  });
  it("ends with the next restore, everywhere", async () => {
    const { kv, ports } = stale();
    await run("reduce", ports);
    const back = { ...seen, to: 10 };
    const planned = await restore.plan(back, ports);
    if (planned.kind !== "plan") throw new Error("not planned");
    expect(await restore.apply(planned.steps, back, ports)).toMatchObject({ kind: "done" });
    expect(fresh(kv)).toMatchObject({ emergency: false, config: { canary_percent: 10 } });
  });
  it("is lifted by a restore that has seen it, also where it was read", async () => {
    const { kv, ports } = stale(1);
    await ports.store.read({ signal: ports.interrupt });
    const back = { ...seen, to: 10 };
    const planned = await restore.plan(back, ports);
    if (planned.kind !== "plan") throw new Error("not planned");
    expect(await restore.apply(planned.steps, back, ports)).toMatchObject({ kind: "done" });
    expect(fresh(kv)).toMatchObject({ emergency: false, config: { canary_percent: 10 } });
  });
  it("is nothing when it has been released: the location only lags", async () => {
    const { mark } = effectiveState(remember(EMPTY_MEMORY, reads, 0), 0).inForce[0] ?? {};
    const lifted = JSON.stringify({
      ...(JSON.parse(configAt(OLD)) as object),
      lifts: [{ mark, at: OLD }],
    });
    const kv: ModelKv = { config: [lifted], stop: [null] };
    const { ports } = stale(2, kv);
    const planned = await reduce.plan(seen, { ...ports, store: modelStore(kv, AT_ONCE, [0]) });
    if (planned.kind !== "plan") throw new Error("not planned");
    expect(await reduce.apply(planned.steps, seen, ports)).toMatchObject({ kind: "done" });
    expect(fresh(kv)).toMatchObject({ emergency: false, config: { canary_percent: 5 } });
  });
});

describe("a restore after two people have pulled the stop", () => {
  const stopOf = (id: string, at: string) => JSON.stringify({ active: true, id, at, by: id });
  const A = stopOf("A", "2025-11-13T00:00:10Z");
  const B = stopOf("B", "2025-11-13T00:00:03Z");

  it("names both: the one that KV holds, and the one that only a location shows or the journal tells of", async () => {
    const kv: ModelKv = { config: [configAt(OLD)], stop: [A, B] };
    const ports = world(kv);
    const entry = { at: new Date(ports.clock.now() - 180_000).toISOString(), id: "C" };
    const told = {
      ...entry,
      command: "not-aus",
      after: { percent: 0, emergency: true, revision: "C" },
    };
    const journal = {
      ...ports.journal,
      recent: async () => ({ entries: [told as JournalEntry], warnings: [] }),
    };
    const state = effectiveState(remember(EMPTY_MEMORY, { config: null, stop: A }, 0), 0);
    const emergencies = state.inForce.map(({ key, mark, id = null, at = null, by = null }) => {
      return { key, mark, id, at, by, reason: null };
    });
    const qa = {
      emergencies,
      stop: { active: false },
      canary: {},
      health: {},
    } as unknown as QaDocument;
    const world2 = showing({ ...ports, journal }, { qa });
    const planned = await restore.plan({ ...given, to: 10 }, world2);
    if (planned.kind !== "plan") throw new Error("not planned");
    expect(planned.changes).toContainEqual(
      expect.objectContaining({
        what: "stop",
        before: expect.stringContaining("also in force: A"),
      }),
    );
    await restore.apply(planned.steps, { ...given, to: 10 }, world2);
    const release = parseStop(stored(kv).stop);
    const names = release.kind === "valid" ? release.value.releases?.stops : undefined;
    expect(new Set(names?.map(({ id }) => id))).toEqual(new Set(["A", "B", "C"]));
    const after = [A, B, stored(kv).stop].reduce(
      (memory, stop) => remember(memory, { config: stored(kv).config, stop }, ports.clock.now()),
      EMPTY_MEMORY,
    );
    expect(effectiveState(after, 0).emergency).toBe(false);
  });
});
