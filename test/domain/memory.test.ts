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
    expect(after([config(10), S2], [config(10), S1]).stop?.id).toBe("S2");
  });
  it("without a time is released by any release", () => {
    expect(releaseCovers({ active: false }, { active: true })).toBe(true);
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
  it("is obeyed in a config that is otherwise unusable, as long as it stands there", () => {
    const broken = '{"canary_percent":"zero","emergency_proxy":true}';
    expect(isStopped(after([config(10), null], [broken, null]))).toBe(true);
    expect(isStopped(after([config(10), null], [broken, null], [config(10), null]))).toBe(false);
  });
});

describe("an unreadable stop", () => {
  it("counts as a stop until it can be read again", () => {
    expect(isStopped(after([config(10), "{nonsense"]))).toBe(true);
    expect(isStopped(after([config(10), "{nonsense"], [config(10), null]))).toBe(false);
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
