import { describe, expect, it } from "vitest";
import { rampConfig, rampShare } from "../../../src/domain/ramp/config.ts";
import { serialiseRampShare } from "../../../src/domain/ramp/share.ts";
import type { CanaryConfig } from "../../../src/domain/state/documents.ts";
import {
  EMPTY_MEMORY,
  effectiveState,
  type Memory,
  remember,
} from "../../../src/domain/state/isolate-memory.ts";
import { leaseEndsMs } from "../../../src/domain/state/lease.ts";
import { parseState } from "../../../src/domain/state/state.ts";
import { BASE, HOUR_MS, MINUTE_MS, rampOf, START_MS } from "../ramp/world.ts";

const iso = (ms: number) => new Date(ms).toISOString();

describe("a lease", () => {
  const LEASE_MS = 15 * MINUTE_MS;
  const leased = rampOf("50:2h,100", { leaseS: LEASE_MS / 1_000 });

  /** The last renewal of a process that died, by its clock and by the API's as it knew it. */
  const renewal = (clockOffMs: number, apiIsKnown: boolean): CanaryConfig => {
    const nowMs = START_MS + clockOffMs;
    return rampConfig(leased, 0, BASE, { nowMs, apiMs: apiIsKnown ? START_MS : nowMs });
  };
  const shareOf = (memory: Memory, nowMs: number) =>
    effectiveState(memory, nowMs).config?.canary_percent;
  const read = (memory: Memory, config: CanaryConfig, nowMs: number) =>
    remember(memory, { config: JSON.stringify(config), stop: null }, nowMs);

  const clocks = [0, 10 * MINUTE_MS, -10 * MINUTE_MS, HOUR_MS, -HOUR_MS];
  for (const known of [true, false]) {
    it.each(clocks)(
      `by a clock that is %i ms off, ${known ? "" : "un"}known to it, ends in time`,
      (offMs) => {
        const config = renewal(offMs, known);
        let memory = read(EMPTY_MEMORY, BASE, START_MS - 5_000);
        for (let nowMs = START_MS + 5_000; nowMs < START_MS + HOUR_MS; nowMs += 5_000) {
          memory = read(memory, config, nowMs);
          if (nowMs < START_MS + LEASE_MS) expect(shareOf(memory, nowMs)).toBe(50);
          if (nowMs > START_MS + LEASE_MS + 5_000) expect(shareOf(memory, nowMs)).toBe(1);
        }
      },
    );
  }

  it("is not begun anew by an isolate that was not there", () => {
    const config = renewal(HOUR_MS, true);
    const afterMs = START_MS + LEASE_MS + 1;
    const memory = read(EMPTY_MEMORY, config, afterMs);
    expect(effectiveState(memory, afterMs)).toMatchObject({
      leaseRunOut: true,
      config: { canary_percent: 1 },
    });
  });

  it("of the former shape ends by its own time alone; one that cannot be read has ended", () => {
    const sight = { firstMs: START_MS, isNews: true };
    const old = { expires_at: iso(START_MS + HOUR_MS), fallback_percent: 1 };
    expect(leaseEndsMs(old, sight)).toBe(START_MS + HOUR_MS);
    expect(leaseEndsMs({ ...old, expires_at: "soon" }, sight)).toBeLessThan(0);
  });
});

describe("a share beside config", () => {
  const ramp = rampOf("5:1m,25:1m,100", { mode: "detached" });
  const at = (step: number, base: CanaryConfig = BASE) =>
    serialiseRampShare(rampShare(ramp, step, base, START_MS + step * MINUTE_MS));
  const raw = (config: CanaryConfig, rampShare: string | null) => ({
    config: JSON.stringify(config),
    stop: null,
    rampShare,
  });
  const shareOf = (config: CanaryConfig, share: string | null) => {
    const parsed = parseState(raw(config, share)).config;
    return parsed.kind === "valid" ? parsed.value.canary_percent : null;
  };

  it("counts for the very config that it raises from, and is told by its revision", () => {
    expect(parseState(raw(BASE, at(1))).config).toMatchObject({
      value: { canary_percent: 25, revision: "STEP1", canary_tag: "B2a", emergency_proxy: false },
    });
    const { revision: _, ...byHand } = BASE;
    const others: CanaryConfig[] = [
      { ...BASE, canary_percent: 0.5 },
      { ...BASE, canary_tag: "B2b" },
      { ...BASE, last_updated: iso(START_MS) },
      { ...BASE, reason: "hands off" },
      byHand,
    ];
    for (const other of others) expect(shareOf(other, at(1))).toBe(other.canary_percent);
  });

  it("raises nothing when it cannot be read, or raises over an emergency", () => {
    const broken = ["{", "", "null", at(1).replace('"schema":1', '"schema":2'), at(1).slice(1)];
    for (const text of broken) expect(shareOf(BASE, text)).toBe(1);
    const emergency = { ...BASE, emergency_proxy: true };
    expect(
      shareOf(emergency, at(1).replace('"emergency_proxy":false', '"emergency_proxy":true')),
    ).toBe(1);
  });

  it("is not lowered by an older copy, nor raised by one that is not there any more", () => {
    const reads = [at(0), at(2), at(1), null, at(0)];
    const shares: (number | undefined)[] = [];
    reads.reduce<Memory>((memory, share, index) => {
      const nowMs = START_MS + index * MINUTE_MS;
      const next = remember(memory, raw(BASE, share), nowMs);
      shares.push(effectiveState(next, nowMs).config?.canary_percent);
      return next;
    }, EMPTY_MEMORY);
    expect(shares).toEqual([5, 100, 100, 1, 100]);
  });

  it("is obeyed where an older config was read before, and never again after a later one", () => {
    const older = { ...BASE, revision: "OLD", last_updated: "2026-03-01T10:59:00.000Z" };
    const later = { ...BASE, canary_percent: 0, last_updated: iso(START_MS) };
    const play = (...reads: CanaryConfig[]): number | undefined => {
      const memory = reads.reduce<Memory>(
        (before, config, index) => remember(before, raw(config, at(1)), START_MS + index),
        EMPTY_MEMORY,
      );
      return effectiveState(memory, START_MS + reads.length).config?.canary_percent;
    };
    expect(play(older, BASE)).toBe(25);
    expect(play(BASE, older, BASE)).toBe(1);
    expect(play(BASE, later, BASE)).toBe(1);
    expect(play(later, BASE)).toBe(1);
  });

  it("raises nothing over what nobody can read, also when its base is there again; nothing at all may be a fault", () => {
    const shares = (...reads: (string | null)[]): (number | undefined)[] => {
      let memory = EMPTY_MEMORY;
      return reads.map((config, index) => {
        memory = remember(memory, { config, stop: null, rampShare: at(1) }, START_MS + index);
        return effectiveState(memory, START_MS + index).config?.canary_percent;
      });
    };
    const base = JSON.stringify(BASE);
    const { last_updated: _, ...undated } = { ...BASE, canary_percent: 0 };
    expect(shares(base, JSON.stringify(undated), base)).toEqual([25, 1, 1]);
    expect(shares(base, `${base},`, base)).toEqual([25, 1, 1]);
    expect(shares(base, null, base)).toEqual([25, 1, 25]);
  });
});
