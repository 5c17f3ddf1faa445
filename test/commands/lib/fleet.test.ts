/** How `verify --fleet` asks: how often, what it waits for, and what it does not take for a conflict. */
import { describe, expect, test } from "vitest";
import type { FleetRun } from "../../../src/commands/lib/fleet.ts";
import { watchFleet } from "../../../src/commands/lib/fleet.ts";
import { fleetLines } from "../../../src/commands/verify/fleet-text.ts";
import type { LocationRow } from "../../../src/domain/metrics/queries.ts";
import { parseState } from "../../../src/domain/state/state.ts";
import type { Metrics, StateStore } from "../../../src/ports/api.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { modelPorts } from "../../support/fake-ports.ts";

const T0 = 1_763_200_000_000;
const config = (revision: string): string =>
  JSON.stringify({
    canary_percent: 10,
    canary_tag: "B2a",
    emergency_proxy: false,
    last_updated: new Date(T0).toISOString(),
    revision,
  });

interface World {
  /** One row list per question about the time since the change. */
  rows(nowS: number): LocationRow[] | UpstreamError;
  /** What the nth read shows. */
  stored?(nth: number): string;
  dataset?: string | null;
  limitMs?: number;
}

interface Watched extends FleetRun {
  calls: number;
  elapsedMs: number;
}

/** Time passes in sleeps alone. */
async function watch({ rows, stored, dataset = "d", limitMs = 240_000 }: World): Promise<Watched> {
  let atMs = 0;
  let calls = 0;
  let reads = 0;
  const store: Pick<StateStore, "read"> = {
    read: async () => {
      calls += 1;
      reads += 1;
      return { config: stored?.(reads) ?? config("NEW"), stop: null };
    },
  };
  const metrics: Metrics = {
    ask: async (question) => {
      calls += 1;
      const query = question("d");
      const answer = rows(Math.floor((T0 + atMs) / 1_000));
      if (answer instanceof Error) throw answer;
      const before = query.sql.includes(`timestamp < toDateTime(${T0 / 1_000})`);
      return query.read(before ? BEFORE : answer);
    },
  };
  const refuse = () => Promise.reject(new Error("writes nothing"));
  const model = modelPorts({ ...store, writeStop: refuse, writeConfig: refuse });
  const ports: Ports = {
    ...model,
    metrics,
    target: { ...model.target, dataset, policy: { ...model.target.policy, settleSeconds: 0 } },
    clock: {
      ...model.clock,
      now: () => T0 + atMs,
      monotonic: () => atMs,
      sleep: async (ms) => {
        atMs += ms;
      },
    },
  };
  const state = parseState({ config: config("NEW"), stop: null });
  const base = { state, configText: config("NEW"), stopText: null, shareText: null };
  const limits = { signal: new AbortController().signal, deadlineMs: limitMs };
  const run = await watchFleet(ports, base, limits);
  return { ...run, calls, elapsedMs: atMs };
}

const row = (colo: string, revision: string, firstS: number, lastS: number): LocationRow => ({
  colo,
  revision,
  mode: "open",
  requests: 5,
  native: 1,
  firstS,
  lastS,
});
/** Who served requests before the change. */
const BEFORE = [row("SIN", "OLD", T0 / 1_000 - 60, T0 / 1_000 - 1)];

const lagging = (nowS: number): LocationRow[] => [
  row("FRA", "NEW", T0 / 1_000, nowS),
  row("IAD", "OLD", T0 / 1_000, nowS),
];

test("waits until the deadline, polls once more before it, and stays below 20 % of the API's budget", async () => {
  const run = await watch({ rows: lagging, limitMs: 300_000 });
  expect(run.end).toEqual({ kind: "waiting" });
  expect(run.calls).toBeLessThan(240);
  expect(run.elapsedMs).toBe(299_000);
  expect(run.receipt).toMatchObject({
    complete: false,
    holds_until: new Date(T0 + 299_000).toISOString(),
  });
});

test("metrics that fail now and then are asked again", async () => {
  let nth = 0;
  const run = await watch({
    rows: (nowS) => {
      nth += 1;
      if (nth <= 2 || nth === 5) return new UpstreamError("unavailable", "HTTP 503");
      return [row("FRA", "NEW", T0 / 1_000, nowS)];
    },
  });
  expect(nth).toBeGreaterThan(5);
  expect(run).toMatchObject({ end: { kind: "complete" }, receipt: { problem: null } });
});

describe("no metrics", () => {
  const failing = (kind: "auth" | "not-found" | "unavailable") => ({
    rows: () => new UpstreamError(kind, "no such luck"),
  });
  test.each([
    ["a token that may not ask is not asked again", failing("auth"), true],
    ["nor is an environment without a dataset", { ...failing("not-found"), dataset: null }, true],
    ["a dataset that nobody has written to may come", failing("not-found"), false],
    ["an API that is down may come back", failing("unavailable"), false],
  ])("%s", async (_, world, atOnce) => {
    const run = await watch(world);
    expect(run).toMatchObject({
      end: { kind: "no-metrics" },
      receipt: { complete: false, holds_until: null, problem: "no such luck" },
    });
    expect(run.elapsedMs === 0).toBe(atOnce);
    expect(fleetLines(run.receipt).join("\n")).toMatch(/no metrics: no such luck/);
  });
});

describe("somebody else writes", () => {
  test("is a conflict when two reads in a row show it", async () => {
    const run = await watch({
      rows: lagging,
      stored: (nth) => config(nth >= 3 ? "THEIRS" : "NEW"),
    });
    expect(run.end).toMatchObject({
      kind: "conflict",
      state: { config: { value: { revision: "THEIRS" } } },
    });
  });

  test("is not believed of a single old read", async () => {
    const run = await watch({
      rows: (nowS) => [
        row("FRA", "OLD", T0 / 1_000, T0 / 1_000 + 9),
        row("FRA", "NEW", T0 / 1_000 + 10, nowS),
      ],
      stored: (nth) => config(nth % 2 === 1 ? "OLD" : "NEW"),
    });
    expect(run.end).toEqual({ kind: "complete" });
  });
});

test("the receipt names who lags, since when and by what, and claims nothing for the silent", async () => {
  const { receipt } = await watch({ rows: lagging, limitMs: 20_000 });
  const text = fleetLines(receipt).join("\n");
  expect(text).toMatch(
    /change +10 % to native, 2025-11-15T09:46:40Z by unknown \(changed outside pixcanary\), revision NEW/,
  );
  expect(text).toMatch(/FRA +current +within 1 s +5 +none/);
  expect(text).toMatch(/IAD +lagging +over 19 s +5 +5, last 2025-11-15T09:46:59Z by OLD/);
  expect(text).toMatch(/spread +p50 within 1 s, p100 within 1 s over 1 location of 2/);
  expect(text).toMatch(/not known SIN:/);
});
