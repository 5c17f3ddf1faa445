import { describe, expect, it } from "vitest";
import { timeOf } from "../../../src/domain/lib/time.ts";
import {
  EMPTY_MEMORY,
  effectiveState,
  LAST_GOOD_MAX_MS,
  type Memory,
  remember,
  rememberFailure,
  rememberLate,
} from "../../../src/domain/state/isolate-memory.ts";
import { releaseOf } from "../../../src/domain/state/transitions.ts";

const config = (percent: number, emergency = false, at = "2025-11-15T10:30:00Z") =>
  JSON.stringify({
    canary_percent: percent,
    canary_tag: "B2a",
    emergency_proxy: emergency,
    last_updated: at,
  });
const stop = (id: string, at: string) => JSON.stringify({ active: true, id, at });
const release = (fields: object) => JSON.stringify({ active: false, ...fields });

const S1 = stop("S1", "2025-11-15T10:00:00Z");
const S2 = stop("S2", "2025-11-15T10:05:00Z");

function after(...reads: [configText: string | null, stopText: string | null][]): Memory {
  return reads.reduce<Memory>(
    (memory, [c, s], index) => remember(memory, { config: c, stop: s }, index),
    EMPTY_MEMORY,
  );
}
const isStopped = (memory: Memory) => effectiveState(memory, 0).emergency;

describe("a stop once seen", () => {
  it("stays in force when the key is missing in a later read", () => {
    expect(isStopped(after([config(10), S1], [config(10), null]))).toBe(true);
  });
  it("stays in force when a read fails", () => {
    expect(isStopped(rememberFailure(after([config(10), S1])))).toBe(true);
  });
  it("ends with a release that names it", () => {
    const named = release({ at: "2025-11-15T09:00:00Z", releases: { id: "S1" } });
    expect(isStopped(after([config(10), S1], [config(10), named]))).toBe(false);
  });
  it("outlives the release of an earlier stop, even one written later", () => {
    const earlier = release({
      at: "2025-11-15T11:00:00Z",
      releases: { id: "S1", at: "2025-11-15T10:00:00Z" },
    });
    expect(isStopped(after([config(10), S1], [config(10), S2], [config(10), earlier]))).toBe(true);
  });
  it("ends with the release of a stop that is later by more than clocks differ", () => {
    const isStoppedAfter = (at: string): boolean => {
      const stop = release({ id: "R", at, releases: { id: "S2", at } });
      return isStopped(remember(after([config(10), S1]), { config: config(10), stop }, timeOf(at)));
    };
    expect(isStoppedAfter("2025-11-15T10:10:01Z")).toBe(false);
    expect(isStoppedAfter("2025-11-15T10:10:00Z")).toBe(true);
  });
  it("outlives the release of another one whose date is ahead: that tells nothing about those since", () => {
    const nowMs = Date.parse("2025-11-15T10:06:00Z");
    const ahead = { id: "S1", at: "2025-11-15T11:00:00Z" };
    const stops = [{ ...ahead, mark: "0".repeat(16) }];
    for (const releases of [ahead, { ...ahead, stops }]) {
      const seen = remember(EMPTY_MEMORY, { config: config(10), stop: S2 }, nowMs);
      const text = release({ id: "R", at: "2025-11-15T10:06:00Z", releases });
      const released = remember(seen, { config: config(10), stop: text }, nowMs);
      expect(effectiveState(released, nowMs).emergency).toBe(true);
    }
  });
  it("is not released by a copy of a release that was read before it, whatever the clocks say", () => {
    const ahead = stop("S1", "2025-11-15T12:00:00Z");
    const released = release({
      id: "R1",
      at: "2025-11-15T12:01:00Z",
      releases: { id: "S1", at: "2025-11-15T12:00:00Z" },
    });
    const reads: [string, string][] = [
      [config(10), ahead],
      [config(10), released],
      [config(10), S2],
      [config(10), released],
    ];
    expect(isStopped(after(...reads))).toBe(true);
  });
  it("ends with a newer release written by hand, not with an older one or one without a time", () => {
    const seen: [string, string] = [config(10), S1];
    expect(isStopped(after(seen, [config(10), release({ at: "2025-11-15T10:00:01Z" })]))).toBe(
      false,
    );
    expect(isStopped(after(seen, [config(10), release({ at: "2025-11-15T09:59:59Z" })]))).toBe(
      true,
    );
    expect(isStopped(after(seen, [config(10), release({})]))).toBe(true);
  });
  it("is not replaced by an older one that is read again", () => {
    expect(effectiveState(after([config(10), S2], [config(10), S1]), 0).stop?.id).toBe("S2");
  });
});

describe.each([
  ["none", undefined],
  ["one that nobody can read", "<NOW>"],
])("a stop by hand whose time is %s", (_what, at) => {
  const byHand = JSON.stringify({ active: true, at });
  const minute = (n: number) => new Date(Date.parse("2025-11-15T10:00:00Z") + n * 60_000);
  const read = (memory: Memory, stopText: string, atMinute: number) =>
    remember(memory, { config: config(10), stop: stopText }, minute(atMinute).getTime());
  const first = read(EMPTY_MEMORY, byHand, 5);
  const releasedAt = (n: number, releases?: object) =>
    release({ id: `R${n}`, at: minute(n).toISOString(), releases });

  it("is not released by an older release, whoever wrote it", () => {
    expect(isStopped(read(first, releasedAt(4), 6))).toBe(true);
    expect(isStopped(read(first, releasedAt(4, { at: minute(3).toISOString() }), 6))).toBe(true);
    expect(isStopped(read(first, release({}), 6))).toBe(true);
  });
  it("is released by one that was written after it was first seen, however often it was read", () => {
    const again = read(first, byHand, 7);
    expect(isStopped(read(again, releasedAt(5), 8))).toBe(false);
    expect(isStopped(read(again, releasedAt(6, { at: minute(1).toISOString() }), 8))).toBe(false);
  });
  it("counts as younger than the stops before it, and older than those after", () => {
    const dated = (id: string, n: number) => stop(id, minute(n).toISOString());
    expect(effectiveState(read(read(EMPTY_MEMORY, dated("S", 1), 2), byHand, 5), 0).stop?.id).toBe(
      undefined,
    );
    expect(effectiveState(read(first, dated("S", 1), 6), 0).stop?.id).toBe(undefined);
    expect(effectiveState(read(first, dated("S", 6), 7), 0).stop?.id).toBe("S");
  });
  it("ends with what names it, whatever the times", () => {
    const withId = JSON.stringify({ active: true, id: "S", at });
    const named = release({ id: "R", at: minute(1).toISOString(), releases: { id: "S" } });
    expect(isStopped(read(read(EMPTY_MEMORY, withId, 5), named, 6))).toBe(false);
  });
});

describe("stops of several people", () => {
  // A's clock is ten seconds ahead of B's, who pulls three seconds later; KV holds B's.
  const A = stop("A", "2025-11-15T10:00:10Z");
  const B = stop("B", "2025-11-15T10:00:03Z");
  const naming = (...ids: string[]) =>
    release({
      id: `R${ids.join("")}`,
      at: "2025-11-15T10:30:00Z",
      releases: { id: ids[0], at: "2025-11-15T10:00:10Z", stops: ids.map((id) => ({ id })) },
    });
  const reads = (...stops: string[]) =>
    after(...stops.map((text): [string, string] => [config(10), text]));

  it("all stay in force until each is named", () => {
    expect(isStopped(reads(A, B, naming("B")))).toBe(true);
    expect(isStopped(reads(A, B, naming("A", "B")))).toBe(false);
    expect(isStopped(reads(A, B, naming("B"), naming("A")))).toBe(false);
  });
  it("are shown, all of them", () => {
    const { inForce, stop: newest } = effectiveState(reads(A, B), 0);
    expect(inForce.map(({ id }) => id)).toEqual(["A", "B"]);
    expect(newest?.id).toBe("A");
  });
  it("are not released by what names another one, in the old words or the new", () => {
    const old = release({ id: "R", releases: { id: "A", at: "2025-11-15T10:00:10Z" } });
    expect(isStopped(reads(B, naming("A")))).toBe(true);
    expect(isStopped(reads(B, old))).toBe(true);
  });
  it("end again when an old copy of one is read after the release, even of one never seen before", () => {
    expect(isStopped(reads(A, B, naming("A", "B"), A))).toBe(true);
    expect(isStopped(reads(A, B, naming("A", "B"), A, naming("A", "B")))).toBe(false);
    expect(isStopped(reads(B, naming("A", "B"), A, naming("A", "B")))).toBe(false);
  });
  it("end by time only at the first sight of a release", () => {
    const later = release({ id: "R", at: "2025-11-15T11:00:00Z" });
    expect(isStopped(reads(A, later))).toBe(false);
    expect(isStopped(reads(later, A, later))).toBe(true);
    expect(isStopped(reads(A, later, A, later))).toBe(false);
  });
  it("are kept, the last eight of them, and nobody is native meanwhile", () => {
    const many = Array.from({ length: 20 }, (_, n) => stop(`S${n}`, "2025-11-15T10:00:00Z"));
    expect(effectiveState(reads(...many), 0).inForce.map(({ id }) => id)).toEqual(
      many.slice(-8).map((_, n) => `S${n + 12}`),
    );
    expect(isStopped(reads(...many, naming("S18")))).toBe(true);
  });
  it("are not released by the name of one whose copy was edited by hand", () => {
    const { mark } = effectiveState(reads(A), 0).inForce[0] ?? {};
    const exact = release({ id: "R", releases: { id: "A", stops: [{ id: "A", mark }] } });
    const edited = JSON.stringify({ active: true, id: "A", at: "2025-11-15T10:20:00Z" });
    const { stops } =
      releaseOf({ id: "A" }, { actor: "ann", reason: undefined, nowMs: 0, id: "R" }, [
        { id: "A", mark },
        { id: "A" },
        { id: "B" },
      ]).releases ?? {};
    const asWritten = release({ id: "R", releases: { id: "A", stops } });
    const ofTheFirstVersion = release({ id: "R", releases: JSON.parse(A) as object });
    for (const named of [exact, asWritten, ofTheFirstVersion]) {
      expect(isStopped(reads(A, named, edited, named))).toBe(true);
      expect(isStopped(reads(A, named, A, named))).toBe(false);
      expect(isStopped(reads(edited, named))).toBe(false);
    }
  });
  it("are released by the name of either text of one time, however late it is read", () => {
    const lateMs = Date.parse("2025-11-15T15:00:00Z");
    const at = "2025-11-15T10:00:00Z";
    const byWorker = JSON.stringify({ active: true, id: "A", at, by: "key of ann" });
    const stops = [{ id: "A", mark: "0".repeat(16), at }];
    const named = release({ id: "R", at: "2025-11-15T15:00:00Z", releases: { stops } });
    const memory = [byWorker, named].reduce(
      (before, text) => remember(before, { config: config(10), stop: text }, lateMs),
      EMPTY_MEMORY,
    );
    expect(effectiveState(memory, lateMs).emergency).toBe(false);
  });
  it("are released in earlier versions as well, and not in a later one, when the release is new to the isolate", () => {
    const [early, late] = [0, 2].map((minute) => {
      return JSON.stringify({ active: true, id: "A", at: `2025-11-15T10:0${minute}:00Z` });
    }) as [string, string];
    const naming = (text: string): string => {
      const { mark, at } = effectiveState(reads(text), 0).inForce[0] ?? {};
      return release({
        id: "R",
        at: "2025-11-15T10:05:00Z",
        releases: { stops: [{ id: "A", mark, at }] },
      });
    };
    expect(isStopped(reads(early, naming(late)))).toBe(false);
    expect(isStopped(reads(early, late, naming(late), naming(late)))).toBe(false);
    expect(isStopped(reads(late, naming(early)))).toBe(true);
    expect(isStopped(reads(naming(early), late, naming(early)))).toBe(true);
  });
});

describe("an emergency in config", () => {
  it("stays in force when an older config is read after it", () => {
    const older = config(10, false, "2025-11-15T10:00:00Z");
    expect(isStopped(after([config(0, true), null], [older, null]))).toBe(true);
  });
  it("ends with a config that is not older", () => {
    expect(isStopped(after([config(0, true), null], [config(10), null]))).toBe(false);
  });
  it("is obeyed with a nonsense time, and ended by any config with a time", () => {
    const nonsense = config(0, true, "<NOW>");
    expect(isStopped(after([nonsense, null]))).toBe(true);
    expect(isStopped(after([nonsense, null], [config(10), null]))).toBe(false);
  });
  it("is obeyed in a config that is otherwise unusable, until a valid one is read", () => {
    const broken = '{"canary_percent":"zero","emergency_proxy":true}';
    expect(isStopped(after([config(10), null], [broken, null]))).toBe(true);
    expect(isStopped(after([config(10), null], [broken, null], [config(20), null]))).toBe(false);
  });

  const MINUTE_MS = 60_000;
  const T0 = Date.parse("2025-11-15T10:00:00Z");
  const at = (minute: number) => new Date(T0 + minute * MINUTE_MS).toISOString();
  const doc = (fields: object) =>
    JSON.stringify({ ...(JSON.parse(config(10)) as object), last_updated: at(0), ...fields });
  const HAND = doc({ emergency_proxy: true, canary_percent: 0 });
  /** One read a minute, of `config` alone. */
  const reads = (...configs: string[]) =>
    configs.reduce<Memory>(
      (memory, text, n) => remember(memory, { config: text, stop: null }, T0 + n * MINUTE_MS),
      EMPTY_MEMORY,
    );

  it.each([
    ["an old date", doc({ emergency_proxy: true, last_updated: "2020-01-01T00:00:00Z" })],
    ["no date and no tag", '{"emergency_proxy":true}'],
    ["the date of what it was made of", HAND],
  ])("with %s is not lifted by an old copy of what stood there before", (_what, emergency) => {
    const before = doc({ last_updated: at(0) });
    expect(isStopped(reads(before, emergency, before))).toBe(true);
    expect(isStopped(reads(before, emergency, before, doc({ last_updated: at(4) })))).toBe(false);
  });
  it("with an old date is not lifted by what is older than its first sight", () => {
    const old = doc({ emergency_proxy: true, last_updated: "2020-01-01T00:00:00Z" });
    expect(isStopped(reads(old, doc({ last_updated: at(-1) })))).toBe(true);
  });
  it("is not lifted by a tool's config that does not name it, however new", () => {
    const tool = { revision: "TOOL", updated_by: "ann" };
    const tools = doc({ ...tool, last_updated: at(60) });
    const other = doc({ ...tool, last_updated: at(60), lifts: [{ id: "OTHER" }] });
    const byHandButLifting = doc({ last_updated: at(60), lifts: [] });
    for (const text of [tools, other, byHandButLifting]) {
      expect(isStopped(reads(HAND, text))).toBe(true);
      expect(isStopped(reads('{"emergency_proxy":true}', text))).toBe(true);
    }
  });
  it("is lifted by a tool's config that names it, as often as an old copy comes back", () => {
    const { mark } = effectiveState(reads(HAND), 0).inForce[0] ?? {};
    const naming = doc({ revision: "TOOL", lifts: [{ mark }] });
    expect(isStopped(reads(HAND, naming))).toBe(false);
    expect(isStopped(reads(naming, HAND, naming))).toBe(false);
    const ofATool = doc({ emergency_proxy: true, revision: "MIRROR" });
    const named = doc({ revision: "TOOL", lifts: [{ id: "MIRROR" }] });
    expect(isStopped(reads(ofATool, named, ofATool, named))).toBe(false);
  });
  it("is one of several: each is lifted by its own name", () => {
    const first = doc({ emergency_proxy: true, revision: "ONE" });
    const second = doc({ emergency_proxy: true, revision: "TWO" });
    const lifting = (...ids: string[]) =>
      doc({ revision: "TOOL", lifts: ids.map((id) => ({ id })) });
    expect(isStopped(reads(first, second, lifting("TWO")))).toBe(true);
    expect(isStopped(reads(first, second, lifting("TWO"), lifting("ONE", "TWO")))).toBe(false);
  });
  it.each([
    ["no readable date", { last_updated: "just now" }],
    ["a date of hours before", { last_updated: at(-180) }],
    ["the same date", {}],
    ["a date of its own", { last_updated: at(1) }],
    ["a date by a clock that is slow", { last_updated: at(-9) }],
  ])(
    "made of a tool's config, revision and all, with %s is not lifted by that one",
    (_what, date) => {
      const tools = doc({ revision: "TOOL", updated_by: "ann" });
      const made = doc({ revision: "TOOL", updated_by: "ann", emergency_proxy: true, ...date });
      expect(isStopped(reads(tools, made, tools))).toBe(true);
      expect(isStopped(reads(made, tools, tools))).toBe(true);
      const naming = doc({ revision: "NEXT", lifts: [{ id: "TOOL" }] });
      expect(isStopped(reads(tools, made, tools, naming, tools))).toBe(false);
    },
  );
  it("made of a tool's config of hours before, date and all, is not lifted by what a person wrote before it", () => {
    const ofHoursBefore = { revision: "TOOL", updated_by: "ann", last_updated: at(-180) };
    const made = doc({ ...ofHoursBefore, emergency_proxy: true });
    expect(isStopped(reads(made, doc({ last_updated: at(-30) })))).toBe(true);
    expect(isStopped(reads(made, doc({ last_updated: at(1) })))).toBe(false);
  });
  it("is lifted by its own copy that a person has edited, if that is younger by more than clocks differ", () => {
    const tool = { revision: "MIRROR", updated_by: "ann" };
    const ofATool = doc({ ...tool, emergency_proxy: true });
    expect(isStopped(reads(ofATool, doc({ ...tool, last_updated: at(11) })))).toBe(false);
    expect(isStopped(reads(ofATool, doc({ ...tool, last_updated: at(10) })))).toBe(true);
  });
  it("ends as the mirror of a stop with that stop's release, once config shows something else", () => {
    const mirror = doc({ emergency_proxy: true, revision: "S1" });
    const other = doc({ revision: "OTHER" });
    const naming = release({ id: "R", releases: { id: "S1" } });
    expect(isStopped(after([mirror, S1], [mirror, naming]))).toBe(true);
    expect(isStopped(after([mirror, S1], [mirror, naming], [null, naming]))).toBe(true);
    expect(isStopped(after([mirror, S1], [mirror, naming], [other, null]))).toBe(false);
    expect(isStopped(after([mirror, S1], [other, S1], [other, naming]))).toBe(false);
  });
});

describe("a read that a younger one has overtaken", () => {
  const late = (memory: Memory, c: string | null, s: string | null) =>
    rememberLate(memory, { config: c, stop: s }, 5);
  const calm = after([config(10), null]);

  it("counts when it asks for an emergency", () => {
    expect(isStopped(late(calm, config(10), S1))).toBe(true);
    expect(isStopped(late(calm, config(10), "{nonsense"))).toBe(true);
    expect(isStopped(late(calm, config(0, true), null))).toBe(true);
  });
  it("takes nothing back and changes no share", () => {
    const stopped = after([config(10), S1]);
    const named = release({ id: "R", releases: { id: "S1" } });
    expect(isStopped(late(stopped, config(10), named))).toBe(true);
    expect(late(calm, config(99), null).config).toBe(calm.config);
    // Nor does it become known: the release still counts as new when it is read in its turn.
    const hand = release({ at: "2025-11-15T10:30:00Z" });
    expect(
      isStopped(remember(late(stopped, config(10), hand), { config: null, stop: hand }, 6)),
    ).toBe(false);
  });
});

describe("an unreadable value that asks for an emergency", () => {
  it("in stop is not cleared by a release that was read before it", () => {
    const known = release({ id: "R", at: "2025-11-15T10:00:00Z", releases: { id: "S1" } });
    const newer = release({ id: "R2", at: "2025-11-15T11:00:00Z" });
    const reads = (...stops: string[]) =>
      after(...stops.map((text): [string, string] => [config(10), text]));
    expect(isStopped(reads(known, "{nonsense", known))).toBe(true);
    expect(isStopped(reads(S1, known, "{nonsense", S1, known))).toBe(true);
    expect(isStopped(reads(known, "{nonsense", known, newer))).toBe(false);
  });
  it("is released by the name of its text", () => {
    const { mark } = effectiveState(after([config(10), "{nonsense"]), 0).inForce[0] ?? {};
    const naming = (atText: string) =>
      release({ id: "R", at: atText, releases: { stops: [{ mark }] } });
    const reads = (text: string) => after([config(10), "{nonsense"], [config(10), text]);
    expect(isStopped(reads(naming("2025-11-15T10:00:00Z")))).toBe(false);
    // Of long before: then it is the same text, and not the same stop.
    expect(isStopped(reads(naming("1969-12-31T23:00:00Z")))).toBe(true);
  });

  const BROKEN = '{"canary_percent":"zero","emergency_proxy":true}';
  const QUIET = '{"canary_percent":"zero"}';
  const RELEASE = release({ at: "2025-11-15T10:00:00Z" });

  it("in stop is kept until a valid stop is read", () => {
    const seen: [string, string] = [config(10), "{nonsense"];
    expect(isStopped(after(seen))).toBe(true);
    expect(isStopped(after(seen, [config(10), null]))).toBe(true);
    expect(isStopped(after(seen, [config(10, true), null], [config(10), null]))).toBe(true);
    expect(isStopped(rememberFailure(after(seen)))).toBe(true);
    expect(isStopped(after(seen, [config(10), RELEASE]))).toBe(false);
  });
  it("in config is kept until a valid config is read", () => {
    const seen: [string, null] = [BROKEN, null];
    expect(isStopped(after(seen))).toBe(true);
    expect(isStopped(after(seen, [null, null]))).toBe(true);
    expect(isStopped(after(seen, [QUIET, null]))).toBe(true);
    expect(isStopped(after(seen, [null, RELEASE]))).toBe(true);
    expect(isStopped(after(seen, [config(10), null]))).toBe(false);
  });
  it("in both keys needs both to be read again", () => {
    expect(isStopped(after([BROKEN, "{"], [config(10), null]))).toBe(true);
    expect(isStopped(after([BROKEN, "{"], [null, RELEASE]))).toBe(true);
    expect(isStopped(after([BROKEN, "{"], [null, RELEASE], [config(10), null]))).toBe(false);
  });
  it("is not seen in a config that says nothing of one", () => {
    expect(isStopped(after([QUIET, null]))).toBe(false);
  });
});

describe("the last good config", () => {
  it("serves for ten minutes and not a moment longer", () => {
    const memory = rememberFailure(after([config(10), null]));
    expect(effectiveState(memory, LAST_GOOD_MAX_MS)).toMatchObject({ source: "last-good" });
    expect(effectiveState(memory, LAST_GOOD_MAX_MS + 1)).toMatchObject({
      source: "none",
      config: null,
    });
  });
  it("serves when the present one is nonsense", () => {
    const memory = after([config(10), null], ["nonsense", null]);
    expect(effectiveState(memory, 5)).toMatchObject({ source: "last-good", emergency: false });
    expect(effectiveState(memory, 5).config?.canary_percent).toBe(10);
  });
});
