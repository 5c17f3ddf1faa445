/** What ends a stop at the beacon, and what an isolate makes of its answers. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Beacon, BeaconSeen } from "../../../src/domain/state/beacon.ts";
import {
  answerOf,
  copyLife,
  inForceAtBeacon,
  isNewsForBeacon,
  missingInKv,
  NO_BEACON_SEEN,
  newBeacon,
  PURGE_AGAIN_MS,
  seeBeacon,
  tellBeacon,
} from "../../../src/domain/state/beacon.ts";

const T0 = Date.parse("2026-11-01T10:00:00Z");
const MINUTE = 60_000;
const iso = (ms: number): string => new Date(ms).toISOString();

const stop = (id: string, atMs = T0): string =>
  JSON.stringify({ active: true, id, at: iso(atMs), by: "anna" });
const release = (...ids: string[]): string =>
  JSON.stringify({
    active: false,
    id: `r-${ids.join("-")}`,
    at: iso(T0 + MINUTE),
    releases: { id: ids[0], at: iso(T0), stops: ids.map((id) => ({ id })) },
  });
const byHand = (atMs: number): string => JSON.stringify({ active: false, at: iso(atMs) });

/** Told in this order, a second after one another. */
function told(...texts: string[]): Beacon {
  return texts.reduce(
    (beacon, text, index) => tellBeacon(beacon, text, T0 + 1_000 * (index + 1)).beacon,
    newBeacon(T0),
  );
}
const held = (beacon: Beacon): (string | undefined)[] => beacon.stops.map(({ id }) => id);

describe("the beacon", () => {
  test("holds a stop until a release names it", () => {
    expect(held(told(stop("s1")))).toEqual(["s1"]);
    expect(held(told(stop("s1"), release("s1")))).toEqual([]);
  });

  test("of two stops, a release ends the one that it names", () => {
    expect(held(told(stop("s1"), stop("s2"), release("s1")))).toEqual(["s2"]);
  });

  test("a stop that was released is not held again, and says so", () => {
    const beacon = told(stop("s1"), release("s1"));
    const again = tellBeacon(beacon, stop("s1"), T0 + MINUTE);
    expect(again).toEqual({ beacon, told: "released" });
  });

  test("a release that comes before its stop ends it", () => {
    expect(held(told(release("s1"), stop("s1")))).toEqual([]);
  });

  test("the same stop or release again changes nothing", () => {
    const beacon = told(stop("s1"), release("s2"));
    expect(tellBeacon(beacon, stop("s1"), T0 + MINUTE).beacon).toBe(beacon);
    expect(tellBeacon(beacon, release("s2"), T0 + MINUTE).beacon).toBe(beacon);
  });

  test("what cannot be read is not taken", () => {
    for (const text of ["", "{", "{}", '{"active":"yes"}']) {
      const beacon = told(stop("s1"));
      expect(tellBeacon(beacon, text, T0)).toEqual({ beacon, told: "unreadable" });
    }
  });

  describe("a release by hand", () => {
    test("ends what the beacon was told before it was written", () => {
      const { beacon } = tellBeacon(told(stop("s1")), byHand(T0 + MINUTE), T0 + 2 * MINUTE);
      expect(held(beacon)).toEqual([]);
    });

    test.each([
      ["from before the stop", T0, T0 + 2 * MINUTE],
      ["by a clock that is ahead", T0 + 2 * MINUTE + 50_000, T0 + 2 * MINUTE],
    ])("%s ends nothing, also later", (_, atMs, toldMs) => {
      const { beacon } = tellBeacon(told(stop("s1")), byHand(atMs), toldMs);
      expect(held(beacon)).toEqual(["s1"]);
      const later = tellBeacon(beacon, byHand(atMs), T0 + 20 * MINUTE).beacon;
      expect(held(later)).toEqual(["s1"]);
    });

    test("ends a stop whose id it has kept: somebody edited `active` alone", () => {
      const edited = stop("s1").replace("true", "false");
      const { beacon } = tellBeacon(told(stop("s1"), stop("s2")), edited, T0 + MINUTE);
      expect(held(beacon)).toEqual(["s2"]);
    });

    test("what it has ended is not held again when it is told again", () => {
      const { beacon } = tellBeacon(told(stop("s1")), byHand(T0 + MINUTE), T0 + 2 * MINUTE);
      const replayed = tellBeacon(beacon, stop("s1"), T0 + 2 * MINUTE + 1);
      expect(replayed).toEqual({ beacon, told: "released" });
    });

    test("an old copy of one, read after a stop, does not end that", () => {
      const first = byHand(T0 + 5_000);
      const beacon = told(stop("s1"), first, stop("s2"));
      expect(held(tellBeacon(beacon, first, T0 + MINUTE).beacon)).toContain("s2");
    });
  });

  test("a time alone ends nothing: a release of a later stop leaves the earlier one", () => {
    const late = JSON.stringify({
      active: false,
      id: "r",
      at: iso(T0 + 31 * MINUTE),
      releases: { id: "s9", at: iso(T0 + 30 * MINUTE), stops: [{ id: "s9" }] },
    });
    expect(held(told(stop("s1"), late))).toEqual(["s1"]);
  });
});

describe("an isolate", () => {
  const see = (...beacons: Beacon[]): BeaconSeen =>
    beacons.reduce((seen, beacon) => seeBeacon(seen, answerOf(beacon)), NO_BEACON_SEEN);
  const ids = (seen: BeaconSeen): (string | undefined)[] =>
    inForceAtBeacon(seen).map(({ id }) => id);

  test("goes by the newest answer, in whatever order they come", () => {
    const stopped = told(stop("s1"));
    const released = told(stop("s1"), release("s1"));
    expect(ids(see(stopped))).toEqual(["s1"]);
    expect(ids(see(stopped, released))).toEqual([]);
    expect(ids(see(released, stopped))).toEqual([]);
    expect(ids(see(stopped, newBeacon(T0)))).toEqual(["s1"]);
  });

  test("sees a change of a beacon whose storage was set back", () => {
    const before = told(stop("s1"));
    const later = told(stop("s1"), release("s1"), stop("s2"), release("s2"));
    const setBack = tellBeacon(before, stop("s3"), T0 + MINUTE).beacon;
    expect(ids(see(later, setBack))).toEqual(["s1", "s3"]);
  });

  test("keeps a stop that the beacon has lost, until that hears a release which names it", () => {
    const lost = newBeacon(T0 + 5 * MINUTE);
    const seen = see(told(stop("s1")), lost);
    expect(ids(seen)).toEqual(["s1"]);
    const other = tellBeacon(lost, release("s2"), T0 + 6 * MINUTE).beacon;
    expect(ids(see(told(stop("s1")), lost, other))).toEqual(["s1"]);
    const heard = tellBeacon(other, release("s1"), T0 + 7 * MINUTE).beacon;
    expect(ids(see(told(stop("s1")), lost, other, heard))).toEqual([]);
  });

  test("tells the beacon of a release that covers what it holds, and of no other", () => {
    const seen = see(told(stop("s1")));
    expect(isNewsForBeacon(seen, release("s1"))).toBe(true);
    expect(isNewsForBeacon(seen, byHand(T0))).toBe(true);
    expect(isNewsForBeacon(seen, release("s2"))).toBe(false);
    expect(isNewsForBeacon(seen, stop("s2"))).toBe(false);
    expect(isNewsForBeacon(seen, null)).toBe(false);
    expect(isNewsForBeacon(NO_BEACON_SEEN, release("s1"))).toBe(false);
  });
});

test("what only the beacon has is what KV neither holds nor names as released", () => {
  const stops = [stop("s1"), stop("s2")];
  expect(missingInKv(stops, null)).toBe(stop("s2"));
  expect(missingInKv(stops, release("s2"))).toBe(stop("s1"));
  expect(missingInKv(stops, release("s1", "s2"))).toBeNull();
  expect(missingInKv(stops, stop("s9"))).toBeNull();
  expect(missingInKv(stops, "{")).toBeNull();
  expect(missingInKv([], null)).toBeNull();
});

describe("whatever is told, and whatever copies are read", () => {
  const NAMES = ["a", "b", "c"];
  const telling = fc.oneof(
    fc.record({ kind: fc.constant("stop" as const), id: fc.constantFrom(...NAMES) }),
    fc.record({
      kind: fc.constant("release" as const),
      ids: fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 2 }),
    }),
    fc.record({ kind: fc.constant("reset" as const) }),
  );
  const reads = fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 10 });

  test("a stop that an isolate has seen ends only with a release that names it", () => {
    const property = fc.property(fc.array(telling, { maxLength: 12 }), reads, (history, order) => {
      const states = [newBeacon(T0)];
      const releasedUpTo: Set<string>[] = [new Set()];
      history.forEach((event, index) => {
        const nowMs = T0 + 1_000 * (index + 1);
        const before = states.at(-1) ?? newBeacon(T0);
        const released = new Set(releasedUpTo.at(-1));
        if (event.kind === "reset") states.push(newBeacon(nowMs));
        if (event.kind === "stop") states.push(tellBeacon(before, stop(event.id), nowMs).beacon);
        if (event.kind === "release") {
          for (const id of event.ids) released.add(id);
          states.push(tellBeacon(before, release(...event.ids), nowMs).beacon);
        }
        releasedUpTo.push(released);
      });
      let seen = NO_BEACON_SEEN;
      let newest = 0;
      const known = new Set<string>();
      for (const pick of order) {
        const at = pick % states.length;
        const state = states[at];
        if (state === undefined) continue;
        if (at >= newest) for (const { id } of state.stops) if (id !== undefined) known.add(id);
        newest = Math.max(newest, at);
        seen = seeBeacon(seen, answerOf(state));
        const now = new Set(inForceAtBeacon(seen).map(({ id }) => id));
        for (const id of known) {
          if (!now.has(id)) expect([...(releasedUpTo[newest] ?? [])]).toContain(id);
        }
      }
    });
    fc.assert(property, { numRuns: 3_000 });
  });
});

test("keeps no copy of an answer that both purges of a stop may have missed", () => {
  expect(copyLife(PURGE_AGAIN_MS - 1)).toMatch(/max-age=10, must-revalidate/);
  for (const ms of [PURGE_AGAIN_MS, 25_000]) expect(copyLife(ms)).toBe("no-store");
});
