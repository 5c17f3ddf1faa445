import { describe, expect, it } from "vitest";
import {
  EMPTY_MEMORY,
  effectiveState,
  LAST_GOOD_MAX_MS,
  type Memory,
  releaseCovers,
  remember,
  rememberFailure,
} from "../../src/domain/memory.ts";

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
  it("ends with the release of a later stop that this isolate never saw", () => {
    const later = release({
      at: "2025-11-15T11:00:00Z",
      releases: { id: "S2", at: "2025-11-15T10:05:00Z" },
    });
    expect(isStopped(after([config(10), S1], [config(10), later]))).toBe(false);
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
    expect(after([config(10), S2], [config(10), S1]).stop?.value.id).toBe("S2");
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
    expect(read(read(EMPTY_MEMORY, dated("S", 1), 2), byHand, 5).stop?.value.id).toBe(undefined);
    expect(read(first, dated("S", 1), 6).stop?.value.id).toBe(undefined);
    expect(read(first, dated("S", 6), 7).stop?.value.id).toBe("S");
  });
  it("is covered by what names it, whatever the times", () => {
    const seen = { value: { active: true, id: "S", at }, atMs: minute(5).getTime() };
    const named = { active: false, at: minute(1).toISOString(), releases: { id: "S" } };
    expect(releaseCovers(named, seen)).toBe(true);
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
    expect(isStopped(after([config(10), null], [broken, null], [config(10), null]))).toBe(false);
  });
});

describe("an unreadable value that asks for an emergency", () => {
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
