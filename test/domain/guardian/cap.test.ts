import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GuardianCap } from "../../../src/domain/guardian/cap.ts";
import {
  capInForce,
  liftOf,
  lowestInForce,
  parseCap,
  serialiseCap,
  withSeen,
} from "../../../src/domain/guardian/cap.ts";
import type { CanaryConfig } from "../../../src/domain/state/documents.ts";
import type { Memory } from "../../../src/domain/state/isolate-memory.ts";
import {
  EMPTY_MEMORY,
  effectiveState,
  remember,
} from "../../../src/domain/state/isolate-memory.ts";
import { parseState } from "../../../src/domain/state/state.ts";
import { nextConfig } from "../../../src/domain/state/transitions.ts";

const START_MS = Date.parse("2026-01-10T12:00:00Z");
const iso = (minutes: number): string => new Date(START_MS + minutes * 60_000).toISOString();

const TOOL: CanaryConfig = {
  canary_percent: 20,
  canary_tag: "B2a",
  emergency_proxy: false,
  last_updated: iso(-60),
  revision: "01JCQ000000000000000000001",
  updated_by: "ada",
};

function capOf(minutes: number, percent: number, id = `01JCQCAP00000000000000${1000 + minutes}`) {
  const cap: GuardianCap = {
    schema: 1,
    id,
    at: iso(minutes),
    by: "guardian",
    reason: "errors",
    percent,
    over: TOOL.last_updated,
  };
  return cap;
}

const CAP = capOf(0, 5);
const inForce = (config: CanaryConfig, cap: GuardianCap | null = CAP): boolean =>
  capInForce(config, cap) !== null;

describe("the guardian's cap", () => {
  it("lowers the share, never raises it, and says what config asks for", () => {
    const state = parseState({
      config: JSON.stringify(TOOL),
      stop: null,
      cap: serialiseCap(CAP),
    });
    expect(state.config).toMatchObject({ kind: "valid", value: { canary_percent: 5 } });
    expect(state.capped).toEqual({ cap: CAP, asked: 20 });
    const lower = JSON.stringify({ ...TOOL, canary_percent: 2 });
    const held = parseState({ config: lower, stop: null, cap: serialiseCap(CAP) });
    expect(held.config).toMatchObject({ value: { canary_percent: 2 } });
  });

  it("is lifted by a config that names it or a newer one, and by no older name", () => {
    const names = (cap: GuardianCap): CanaryConfig => ({
      ...TOOL,
      lifts_cap: { id: cap.id, at: cap.at },
    });
    expect(inForce(names(CAP))).toBe(false);
    expect(inForce(names(capOf(1, 1)))).toBe(false);
    expect(inForce(names(capOf(-1, 1)))).toBe(true);
  });

  it("is lifted by a person's later word by hand, and not by a tool that does not name it", () => {
    const { revision: _r, updated_by: _u, ...hand } = TOOL;
    expect(inForce({ ...hand, last_updated: iso(1) })).toBe(false);
    expect(inForce({ ...hand, last_updated: iso(-1) })).toBe(true);
    expect(inForce({ ...TOOL, last_updated: iso(1), revision: "copied" })).toBe(true);
    expect(inForce({ ...TOOL, last_updated: iso(1) })).toBe(true);
    expect(inForce({ ...hand, last_updated: "yesterday" })).toBe(true);
  });

  it("holds over the config it was set over, although that was dated ahead by a wrong clock", () => {
    const { revision: _r, updated_by: _u, ...hand } = TOOL;
    const ahead = { ...hand, last_updated: iso(15) };
    expect(inForce(ahead, { ...CAP, over: ahead.last_updated })).toBe(true);
    expect(inForce(ahead, CAP)).toBe(false);
  });

  it("stays lifted by what is made of the config that has lifted it", () => {
    const lifted = { ...TOOL, lifts_cap: { id: CAP.id, at: CAP.at } };
    const author = { actor: "ada", reason: undefined, nowMs: START_MS, id: "R" };
    const to = { percent: 10, emergency: false, tag: "B2a" };
    expect(inForce(nextConfig(lifted, to, author))).toBe(false);
    expect(inForce(nextConfig(TOOL, to, author))).toBe(true);
  });

  it("that cannot be read sends nobody new to native until restore names it", () => {
    for (const text of ["{", "null", '{"schema":1}', " ".repeat(20_000)]) {
      const cap = parseCap(text);
      expect(cap?.percent).toBe(0);
      expect(inForce(TOOL, cap)).toBe(true);
      expect(inForce({ ...TOOL, lifts_cap: { id: cap?.id, at: "" } }, cap)).toBe(false);
      expect(inForce({ ...TOOL, lifts: [{ id: cap?.id }] }, cap)).toBe(false);
      expect(inForce({ ...TOOL, lifts_cap: { id: "X", at: iso(9) } }, cap)).toBe(true);
      // Nor does a word by hand: nobody knows which was first.
      const { revision: _r, updated_by: _u, ...hand } = TOOL;
      expect(inForce({ ...hand, last_updated: iso(9) }, cap)).toBe(true);
    }
    // The next one that cannot be read is another.
    const [one, other] = [parseCap("{"), parseCap("[")];
    expect(inForce({ ...TOOL, lifts_cap: { id: one?.id } }, other)).toBe(true);
  });

  it("is lifted together with all older ones; one yet to come by its id alone", () => {
    const unreadable = parseCap("{") ?? CAP;
    const ahead = capOf(9_999, 30);
    const nowMs = START_MS + 60_000;
    for (const odd of [unreadable, ahead]) {
      const lifted = { ...TOOL, lifts_cap: liftOf([CAP, odd], nowMs) };
      expect([CAP, odd].filter((cap) => inForce(lifted, cap))).toEqual([]);
      expect(inForce(lifted, capOf(-5, 1))).toBe(false);
      expect(inForce(lifted, capOf(2, 1))).toBe(true);
    }
    const before = { ...TOOL, lifts_cap: liftOf([CAP], nowMs) };
    const next = { ...TOOL, lifts_cap: liftOf([unreadable, before.lifts_cap], nowMs) };
    expect(inForce(next, CAP)).toBe(false);
  });
});

/** Reads in any order, old ones and missing keys among them. */
const reads = fc.array(fc.record({ config: fc.nat(2), cap: fc.option(fc.nat(2), { nil: null }) }), {
  minLength: 1,
  maxLength: 6,
});
const READ_MS = START_MS + 600_000;
const CAPS = [capOf(0, 10), capOf(5, 5), capOf(10, 2)];
const CONFIGS: CanaryConfig[] = [
  TOOL,
  { ...TOOL, canary_percent: 15, last_updated: iso(3), revision: "01JCQ000000000000000000002" },
  { ...TOOL, canary_percent: 50, lifts_cap: { id: CAPS[1]?.id, at: CAPS[1]?.at } },
];

function shareAfter(
  all: readonly { config: number; cap: number | null }[],
  fold: (memory: Memory, next: Memory) => Memory,
): number {
  const memory = all.reduce((before, { config, cap }, index) => {
    const raw = {
      config: JSON.stringify(CONFIGS[config]),
      stop: null,
      cap: cap === null ? null : JSON.stringify(CAPS[cap]),
    };
    return fold(before, remember(before, raw, READ_MS + index));
  }, EMPTY_MEMORY);
  return effectiveState(memory, READ_MS + all.length).config?.canary_percent ?? -1;
}

describe("an isolate's memory of a cap", () => {
  const allowed = (all: readonly { config: number; cap: number | null }[]): number => {
    const config = CONFIGS[all.at(-1)?.config ?? 0] ?? TOOL;
    const seen = all.map(({ cap }) => (cap === null ? null : (CAPS[cap] ?? null)));
    const caps = seen.reduce<readonly GuardianCap[]>(
      (before, cap) => withSeen(before, cap, READ_MS),
      [],
    );
    return Math.min(config.canary_percent, lowestInForce(config, caps)?.percent ?? 100);
  };

  it("holds the newest one through stale reads and absent keys, whatever the order", () => {
    fc.assert(
      fc.property(reads, (all) => {
        expect(shareAfter(all, (_, next) => next)).toBe(allowed(all));
      }),
    );
  });

  /** With a cap that is lifted, then one that cannot be read, or is dated ahead; and the other way round. */
  const ODD = [
    { text: "{", percent: 0 },
    { text: JSON.stringify(capOf(9_999, 4)), percent: 4 },
  ];
  it.each(ODD)("holds one whose time says nothing beside those it has read: $text", (odd) => {
    const lifted = JSON.stringify({ ...CONFIGS[2], lifts_cap: { id: CAP.id, at: iso(10) } });
    const raw = (cap: string | null) => ({ config: lifted, stop: null, cap });
    const known = JSON.stringify(CAPS[0]);
    const share = (texts: (string | null)[], config = lifted) => {
      const memory = texts.reduce(
        (before, cap) => remember(before, { ...raw(cap), config }, READ_MS),
        EMPTY_MEMORY,
      );
      return effectiveState(memory, READ_MS).config?.canary_percent;
    };
    expect(share([known])).toBe(50);
    for (const texts of [[odd.text], [known, odd.text], [odd.text, known], [odd.text, null]]) {
      expect(share(texts)).toBe(odd.percent);
    }
    const named = { ...CONFIGS[2], lifts_cap: liftOf([parseCap(odd.text) ?? CAP, CAP], READ_MS) };
    expect(share([known, odd.text], JSON.stringify(named))).toBe(50);
    // What the guardian writes after that is obeyed all the same.
    const after = JSON.stringify({ ...capOf(11, 1), at: new Date(READ_MS + 1).toISOString() });
    expect(share([odd.text, after], JSON.stringify(named))).toBe(1);
  });

  it("would lose it if it kept what it read last", () => {
    const forgetting = fc.check(
      fc.property(reads, (all) => {
        const share = shareAfter(all, (before, next) => ({
          ...next,
          caps: next.caps === before.caps ? [] : next.caps.slice(-1),
        }));
        return share <= allowed(all);
      }),
    );
    expect(forgetting.failed).toBe(true);
  });
});
