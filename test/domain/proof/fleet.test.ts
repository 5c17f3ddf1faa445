/** What may be claimed of a location, from what its visitors were shown. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LocationRow } from "../../../src/domain/metrics/queries.ts";
import type { FleetExpectation, FleetLocation } from "../../../src/domain/proof/fleet.ts";
import {
  fleetExpectation,
  fleetWindow,
  foldFleet,
  isFleetCurrent,
  MAX_SINCE_S,
  propagationOf,
  QUIET_S,
  silentLocations,
} from "../../../src/domain/proof/fleet.ts";
import { parseState } from "../../../src/domain/state/state.ts";

const T0 = 1_763_200_000;
const NEW: FleetExpectation = { emergency: false, revision: "NEW", atMs: T0 * 1000 };
const STOP: FleetExpectation = { emergency: true, revision: "NEW", atMs: T0 * 1000 };

/** `first` and `last` in seconds after the change. */
function row(
  colo: string,
  revision: string,
  [first, last]: [number, number],
  more: Partial<LocationRow> = {},
): LocationRow {
  const times = { firstS: T0 + first, lastS: T0 + last };
  return { colo, revision, mode: "open", requests: 10, native: 1, ...times, ...more };
}

const poll = (asOf: number, rows: LocationRow[]) => ({ rows, fromS: T0, asOfS: T0 + asOf });

function fold(
  polls: [asOf: number, rows: LocationRow[]][],
  expected = NEW,
  before: LocationRow[] = [],
): FleetLocation[] {
  return polls.reduce<FleetLocation[]>(
    (known, [asOf, rows]) => foldFleet(known, poll(asOf, rows), expected),
    silentLocations(before),
  );
}

const states = (locations: FleetLocation[]) =>
  Object.fromEntries(locations.map(({ colo, state }) => [colo, state]));

describe("one location", () => {
  const cases: [string, [number, LocationRow[]], FleetLocation["state"]][] = [
    ["nothing but the old one", [20, [row("AMS", "OLD", [0, 19])]], "lagging"],
    [
      "the new one, but the old one in the same second",
      [20, [row("AMS", "OLD", [0, 9]), row("AMS", "NEW", [5, 9])]],
      "lagging",
    ],
    [
      "the new one last, a second short of the quiet span",
      [30, [row("AMS", "OLD", [0, 9]), row("AMS", "NEW", [10, 9 + QUIET_S - 1])]],
      "settling",
    ],
    [
      "the new one last for the quiet span",
      [30, [row("AMS", "OLD", [0, 9]), row("AMS", "NEW", [10, 9 + QUIET_S])]],
      "current",
    ],
    [
      "the same, where the metrics are not complete yet",
      [9 + QUIET_S - 1, [row("AMS", "OLD", [0, 9]), row("AMS", "NEW", [10, 60])]],
      "settling",
    ],
    ["no old one at all", [QUIET_S, [row("AMS", "NEW", [0, 1])]], "current"],
    ["no old one, but too early", [QUIET_S - 1, [row("AMS", "NEW", [0, 60])]], "settling"],
    ["no configuration at all", [60, [row("AMS", "", [0, 50])]], "lagging"],
    [
      "an emergency that has been released",
      [60, [row("AMS", "NEW", [0, 50], { mode: "emergency" })]],
      "lagging",
    ],
  ];
  test.each(cases)("%s: %s", (_, observed, state) => {
    expect(states(fold([observed]))).toEqual({ AMS: state });
  });

  test("under an emergency only the stop counts; an older config behind it is shown", () => {
    const obeys = row("AMS", "OLD", [0, 50], { mode: "emergency" });
    expect(fold([[60, [obeys]]], STOP)).toMatchObject([
      { state: "current", new_revision: "OLD", old_requests: 0 },
    ]);
    const ignores = row("AMS", "NEW", [0, 50]);
    expect(fold([[60, [ignores]]], STOP)).toMatchObject([{ state: "lagging", old_requests: 10 }]);
  });

  test("where nobody comes any more, nothing is claimed", () => {
    const before = [row("SIN", "OLD", [-100, -1]), row("AMS", "OLD", [-100, -1])];
    const seen = fold([[60, [row("AMS", "NEW", [0, 50])]]], NEW, before);
    expect(states(seen)).toEqual({ AMS: "current", SIN: "silent" });
    expect(isFleetCurrent(seen)).toBe(true);
    expect(isFleetCurrent(fold([[60, []]], NEW, before))).toBe(false);
  });
});

describe("propagation", () => {
  test("ends with the second of the last old request; p50 and p100 by nearest rank", () => {
    const rows = [3, 10, 0].flatMap((lag, index) => {
      const colo = ["AMS", "IAD", "FRA"][index] ?? "";
      const old = lag === 0 ? [] : [row(colo, "OLD", [0, lag - 1])];
      return [...old, row(colo, "NEW", [lag, 40])];
    });
    const seen = fold([[41, rows]]);
    expect(seen.map(({ colo, propagation_s: s }) => [colo, s])).toEqual([
      ["AMS", 3],
      ["FRA", 0],
      ["IAD", 10],
    ]);
    expect(propagationOf(seen)).toEqual({ locations: 3, p50_s: 3, p100_s: 10 });
  });

  test("is what was seen: where nobody came for a while, not before somebody did", () => {
    const seldom = [
      row("AMS", "OLD", [0, 4]),
      row("AMS", "NEW", [25, 40]),
      row("SIN", "NEW", [30, 31]),
    ];
    const seen = fold([
      [41, seldom],
      [60, [row("SIN", "NEW", [40, 50])]],
    ]);
    expect(seen.map(({ colo, propagation_s: s }) => [colo, s])).toEqual([
      ["AMS", 25],
      ["SIN", 30],
    ]);
  });

  test("is not made up: unknown time of change, or a window that begins after it", () => {
    const rows = [row("AMS", "NEW", [0, 40])];
    expect(fold([[41, rows]], { ...NEW, atMs: null })[0]?.propagation_s).toBeNull();
    const dayBefore = { ...NEW, atMs: (T0 - MAX_SINCE_S) * 1000 };
    expect(fold([[41, rows]], dayBefore)[0]?.propagation_s).toBeNull();
    expect(propagationOf(fold([[41, rows]], dayBefore)).p50_s).toBeNull();
  });

  test("of a location that lags is none", () => {
    const seen = fold([[41, [row("AMS", "OLD", [0, 40])]]]);
    expect(propagationOf(seen)).toEqual({ locations: 0, p50_s: null, p100_s: null });
  });
});

describe("an older state that reappears", () => {
  const current: [number, LocationRow[]] = [
    20,
    [row("AMS", "OLD", [0, 2]), row("AMS", "NEW", [3, 20])],
  ];
  const back = [row("AMS", "OLD", [0, 29], { requests: 14 }), row("AMS", "NEW", [3, 30])];

  test("is noticed, and is not done", () => {
    const seen = fold([current, [30, back]]);
    expect(seen).toMatchObject([
      { state: "reappeared", times_reappeared: 1, old_requests: 14, propagation_s: 30 },
    ]);
    expect(isFleetCurrent(seen)).toBe(false);
  });

  test("stays noticed after it has gone again", () => {
    const again = [row("AMS", "OLD", [0, 29]), row("AMS", "NEW", [3, 29 + QUIET_S])];
    const seen = fold([current, [30, back], [60, again]]);
    expect(seen).toMatchObject([{ state: "current", times_reappeared: 1 }]);
    // Also when it came and went between two polls.
    expect(fold([current, [60, again]])).toMatchObject([{ state: "current", times_reappeared: 1 }]);
  });

  test("twin: a location that never was current only lags", () => {
    expect(fold([[30, back]])).toMatchObject([{ state: "settling", times_reappeared: 0 }]);
  });
});

test("what was seen once stays known, whatever a later poll leaves out", () => {
  const lagging: [number, LocationRow[]] = [10, [row("AMS", "OLD", [0, 9])]];
  expect(fold([lagging, [60, []]])).toMatchObject([{ state: "lagging", old_requests: 10 }]);
  expect(fold([lagging, [60, [row("AMS", "NEW", [10, 12])]]])).toMatchObject([
    { state: "settling" },
  ]);
});

/** Requests as they were, each with the poll in which the metrics show it first. */
const request = fc.record({
  atS: fc.nat(60),
  old: fc.boolean(),
  colo: fc.constantFrom("AMS", "IAD"),
  lateS: fc.nat(5),
});
const SETTLE_S = 5;

function rowsOf(requests: readonly { atS: number; old: boolean; colo: string }[]): LocationRow[] {
  const keys = [...new Set(requests.map(({ colo, old }) => `${colo} ${old}`))];
  return keys.map((key) => {
    const own = requests.filter(({ colo, old }) => `${colo} ${old}` === key);
    const times = own.map(({ atS }) => atS);
    const [colo = "", old] = key.split(" ");
    const range: [number, number] = [Math.min(...times), Math.max(...times)];
    return row(colo, old === "true" ? "OLD" : "NEW", range, { requests: own.length });
  });
}

test("property: never current while an old request is newer than the quiet span", () => {
  fc.assert(
    fc.property(
      fc.array(request, { maxLength: 40 }),
      fc.uniqueArray(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 6 }),
      (requests, times) => {
        let known: FleetLocation[] = [];
        for (const nowS of times.sort((a, b) => a - b)) {
          const here = requests.filter(({ atS, lateS }) => atS + lateS <= nowS);
          const asOf = nowS - SETTLE_S;
          known = foldFleet(known, poll(asOf, rowsOf(here)), NEW);
          for (const { colo, state } of known) {
            if (state !== "current") continue;
            // The truth, points included that had not arrived.
            const own = requests.filter((r) => r.colo === colo && r.atS <= asOf);
            const lastOld = Math.max(-Infinity, ...own.filter((r) => r.old).map((r) => r.atS));
            const seenNew = here.filter((r) => r.colo === colo && !r.old).map((r) => r.atS);
            expect(asOf - lastOld).toBeGreaterThanOrEqual(QUIET_S);
            expect(Math.max(-Infinity, ...seenNew) - lastOld).toBeGreaterThan(0);
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});

describe("what is expected, and since when", () => {
  const at = (s: number) => new Date((T0 + s) * 1000).toISOString();
  const config = (s: number, more: object = {}) =>
    JSON.stringify({
      canary_percent: 10,
      canary_tag: "B2a",
      emergency_proxy: false,
      last_updated: at(s),
      revision: "NEW",
      ...more,
    });
  const stop = (s: number, active: boolean) => JSON.stringify({ active, id: "S", at: at(s) });
  const cases: [string, string | null, string | null, Partial<FleetExpectation>][] = [
    ["a config", config(5), null, { emergency: false, revision: "NEW", atMs: (T0 + 5) * 1000 }],
    ["a later release", config(5), stop(9, false), { emergency: false, atMs: (T0 + 9) * 1000 }],
    ["an earlier release", config(5), stop(1, false), { emergency: false, atMs: (T0 + 5) * 1000 }],
    ["a stop", config(5), stop(1, true), { emergency: true, atMs: (T0 + 1) * 1000 }],
    [
      "an emergency in config alone",
      config(5, { emergency_proxy: true }),
      stop(9, false),
      { emergency: true, atMs: (T0 + 5) * 1000 },
    ],
    ["an unreadable stop", config(5), "{", { emergency: true, atMs: null }],
    ["a time that is none", config(0, { last_updated: "now" }), null, { atMs: null }],
    ["no revision", config(5, { revision: undefined }), null, { revision: "" }],
  ];
  test.each(cases)("%s", (_, configText, stopText, expected) => {
    expect(fleetExpectation(parseState({ config: configText, stop: stopText }))).toMatchObject(
      expected,
    );
  });

  test("the window begins with the first whole second after the change, at most a day ago", () => {
    const nowMs = (T0 + 10) * 1000;
    const since = (atMs: number | null) => fleetWindow({ ...NEW, atMs }, nowMs).fromS - T0;
    expect(since(T0 * 1000)).toBe(0);
    expect(since(T0 * 1000 + 1)).toBe(1);
    expect(since(0)).toBe(11 - MAX_SINCE_S);
    // The writer's clock is ahead: still a window.
    expect(fleetWindow({ ...NEW, atMs: nowMs + 60_000 }, nowMs)).toEqual({
      fromS: T0 + 10,
      toS: T0 + 11,
    });
  });
});
