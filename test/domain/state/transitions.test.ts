import { describe, expect, it } from "vitest";
import type { CanaryConfig, StopDocument } from "../../../src/domain/state/documents.ts";
import {
  parseConfig,
  parseStop,
  serialiseConfig,
  serialiseStop,
} from "../../../src/domain/state/documents.ts";
import {
  EMPTY_MEMORY,
  effectiveState,
  remember,
} from "../../../src/domain/state/isolate-memory.ts";
import {
  halfOf,
  nextConfig,
  releaseOf,
  stopNow,
  watermarkOf,
} from "../../../src/domain/state/transitions.ts";

const author = {
  actor: "a@h",
  reason: "why",
  nowMs: Date.parse("2025-11-15T10:30:00Z"),
  id: "NEW",
};
const before = {
  canary_percent: 10,
  canary_tag: "B2a",
  emergency_proxy: false,
  last_updated: "2030-01-01T00:00:00Z",
};

function isStoppedAfter(stop: StopDocument, release: StopDocument): boolean {
  const texts = [stop, release].map((document) => JSON.stringify(document));
  const read = (memory: typeof EMPTY_MEMORY, text: string) =>
    remember(memory, { config: null, stop: text }, author.nowMs);
  return effectiveState(texts.reduce(read, EMPTY_MEMORY), author.nowMs).emergency;
}

describe("next documents", () => {
  it("are always readable", () => {
    const { stop, config } = stopNow("B2a", author);
    expect(parseStop(serialiseStop(stop))).toMatchObject({ kind: "valid" });
    expect(parseConfig(serialiseConfig(config))).toMatchObject({ kind: "valid" });
  });
  it("are refused when they are not", () => {
    expect(() => serialiseConfig({ ...before, canary_percent: 101 })).toThrow(/refusing/);
  });
  it("are later than what they replace, even when our clock is behind", () => {
    const config = nextConfig(before, { percent: 5, emergency: false, tag: "B2a" }, author);
    expect(Date.parse(config.last_updated)).toBeGreaterThan(Date.parse(before.last_updated));
    const stop = { active: true, id: "S", at: "2030-01-01T00:00:00Z" };
    const release = releaseOf(stop, author);
    expect(Date.parse(release.at ?? "")).toBeGreaterThan(Date.parse(stop.at));
    expect(isStoppedAfter(stop, release)).toBe(false);
  });
  it("release a stop without a readable time up to the plan", () => {
    const plannedAt = "2025-11-15T10:29:00Z";
    expect(watermarkOf({ id: "S", at: "2025-11-15T10:00:00Z" }, plannedAt)).toEqual({
      id: "S",
      at: "2025-11-15T10:00:00Z",
    });
    expect(watermarkOf({ at: "<NOW>" }, plannedAt)).toEqual({ at: plannedAt });
    expect(watermarkOf({ id: "S" }, plannedAt)).toEqual({ id: "S", at: plannedAt });
    const release = releaseOf(watermarkOf({}, plannedAt), author);
    expect(isStoppedAfter({ active: true }, release)).toBe(false);
  });
  it("go on naming what the config before them took back, and no more than a few", () => {
    const to = { percent: 5, emergency: false, tag: "B2a" };
    const first = nextConfig(before, to, author, [{ id: "M1" }]);
    expect(nextConfig(first, to, author, [{ id: "M2" }]).lifts).toEqual([
      { id: "M2" },
      { id: "M1" },
    ]);
    expect(nextConfig(before, to, author)).not.toHaveProperty("lifts");
    let config: CanaryConfig = first;
    for (let n = 0; n < 100; n += 1) config = nextConfig(config, to, author, [{ id: `N${n}` }]);
    expect(config.lifts).toHaveLength(17);
  });
  it("halve a share to what may be written", () => {
    expect([10, 5, 2.5, 0.01, 0].map(halfOf)).toEqual([5, 2.5, 1.25, 0, 0]);
  });
});
