import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Action } from "../../src/domain/guardian.ts";
import { decideAction, entryOf, isLatched } from "../../src/domain/guardian.ts";
import type { GuardianArm, GuardianDocument } from "../../src/domain/guardian-document.ts";
import { parseGuardian } from "../../src/domain/guardian-document.ts";
import { journalKey } from "../../src/domain/journal.ts";
import type { Finding } from "../../src/domain/policy-evaluate.ts";
import type { CanaryConfig, StopDocument } from "../../src/domain/state.ts";
import { parseState } from "../../src/domain/state.ts";
import { tickId } from "../../src/domain/tick-id.ts";
import { BASE, START_MS } from "./ramp-world.ts";

const FAIL: { verdict: "fail"; problems: Finding[] } = { verdict: "fail", problems: [] };
const TEN: CanaryConfig = { ...BASE, canary_percent: 10 };

function stateOf(config: CanaryConfig | null, stop: StopDocument | null = null) {
  return parseState({
    config: config === null ? null : JSON.stringify(config),
    stop: stop === null ? null : JSON.stringify(stop),
  });
}

function seenOf(recommendation: "none" | "notify" | "reduce" | "disable" | "not-aus") {
  return {
    tickMs: START_MS,
    mode: "enforce" as const,
    guardian: null,
    arm: null,
    lastAction: null,
    state: stateOf(TEN),
    assessment: { ...FAIL, recommendation },
  };
}

describe("the guardian", () => {
  it.each([
    ["not-aus", 0, true],
    ["reduce", 5, false],
    ["disable", 0, false],
  ] as const)("does what the policy recommends: %s", (kind, percent, emergency) => {
    const action = decideAction(seenOf(kind));
    expect(action?.config).toMatchObject({ canary_percent: percent, emergency_proxy: emergency });
    expect(action?.config.updated_by).toBe("guardian");
    expect(action?.stop?.active ?? false).toBe(kind === "not-aus");
  });

  it.each([
    ["observe alone", { mode: "observe" as const }],
    ["off", { mode: "off" as const }],
    ["a warning to people alone", { assessment: { ...FAIL, recommendation: "notify" as const } }],
    [
      "no data",
      {
        assessment: {
          verdict: "no_data" as const,
          problems: [],
          recommendation: "not-aus" as const,
        },
      },
    ],
    ["an emergency", { state: stateOf(TEN, { active: true, id: "S" }) }],
    ["no readable config", { state: stateOf(null) }],
  ])("does nothing by itself with %s", (_what, change) => {
    expect(decideAction({ ...seenOf("not-aus"), ...change })).toBeNull();
  });

  it("has nothing to lower at 0 %, and still stops those who have a cookie", () => {
    const state = stateOf({ ...TEN, canary_percent: 0 });
    expect(decideAction({ ...seenOf("reduce"), state })).toBeNull();
    expect(decideAction({ ...seenOf("disable"), state })).toBeNull();
    expect(decideAction({ ...seenOf("not-aus"), state })?.stop?.active).toBe(true);
  });

  it("writes the same bytes and the same journal key in each run of a tick", () => {
    const [one, two] = [decideAction(seenOf("reduce")), decideAction(seenOf("reduce"))];
    expect(one).toEqual(two);
    const key = (action: Action | null) =>
      action === null
        ? null
        : journalKey(entryOf(action, { tickMs: START_MS, host: "w", tool: "t", notes: [] }));
    expect(key(one)).toBe(key(two));
    expect(decideAction({ ...seenOf("reduce"), tickMs: START_MS + 60_000 })?.id).not.toBe(one?.id);
  });

  it("makes ids that sort by their tick", () => {
    const ids = [0, 1, 60_000, START_MS, START_MS + 1].map((ms) => tickId(ms, "R"));
    expect(ids.toSorted()).toEqual(ids);
    expect(ids.every((id) => /^[0-9A-HJKMNP-TV-Z]{26}$/.test(id))).toBe(true);
  });
});

// --- AT-14 ---------------------------------------------------------------------------------------

/** KV as the guardian's ticks see it: each key's history, read some versions late. */
interface World {
  config: CanaryConfig[];
  stop: (StopDocument | null)[];
  guardian: (string | null)[];
  arm: (GuardianArm | null)[];
}

type Twin = "none" | "no-latch" | "no-own-mark" | "neither";

const lag = fc.nat(3);
const ticks = fc.array(
  fc.record({
    recommendation: fc.constantFrom("none", "reduce", "disable", "not-aus"),
    /** How often and how interleaved this tick runs. */
    copies: fc.integer({ min: 1, max: 3 }),
    overlap: fc.boolean(),
    lags: fc.record({ config: lag, stop: lag, guardian: lag }),
  }),
  { minLength: 5, maxLength: 30 },
);

function at<T>(versions: readonly T[], late: number): T {
  const value = versions[Math.max(0, versions.length - 1 - late)];
  if (value === undefined) throw new Error("a key has at least one version");
  return value;
}

/** Distinct automatic actions until the end; nobody arms it again. */
function play(
  run: readonly (typeof ticks extends fc.Arbitrary<(infer T)[]> ? T : never)[],
  twin: Twin,
): number {
  const kv: World = {
    config: [{ ...TEN, canary_percent: 100 }],
    stop: [null],
    guardian: [null],
    arm: [null],
  };
  const actions = new Set<string>();
  for (const [index, { recommendation, copies, overlap, lags }] of run.entries()) {
    const tickMs = START_MS + index * 60_000;
    const look = () => decideAt(kv, { tickMs, recommendation, lags, twin });
    // Overlapping runs have all read before the first of them writes.
    const decided = overlap ? Array.from({ length: copies }, look) : null;
    for (let copy = 0; copy < copies; copy += 1) {
      const action = decided === null ? look() : (decided[copy] ?? null);
      if (action === null) continue;
      actions.add(action.id);
      if (action.stop !== null) kv.stop.push(action.stop);
      kv.config.push(action.config);
      kv.guardian.push(documentOf(action, tickMs));
    }
  }
  return actions.size;
}

function documentOf({ kind, id, why }: Action, tickMs: number): string {
  const at = new Date(tickMs).toISOString();
  const latched = { at, action: kind, id, why };
  return JSON.stringify({
    schema: 1,
    mode: "enforce",
    last_tick: at,
    latched,
    told: null,
    verdict: "fail",
  } satisfies GuardianDocument);
}

function decideAt(
  kv: World,
  given: {
    tickMs: number;
    recommendation: string;
    lags: { config: number; stop: number; guardian: number };
    twin: Twin;
  },
): Action | null {
  const { tickMs, lags, twin } = given;
  const config = at(kv.config, lags.config);
  const blindToOwn = twin === "no-own-mark" || twin === "neither";
  const state = stateOf(
    blindToOwn ? { ...config, updated_by: "somebody" } : config,
    at(kv.stop, lags.stop),
  );
  const latch =
    twin === "no-latch" || twin === "neither"
      ? null
      : parseGuardian(at(kv.guardian, lags.guardian));
  const recommendation = given.recommendation as "reduce";
  const verdict = given.recommendation === "none" ? ("pass" as const) : ("fail" as const);
  return decideAction({
    tickMs,
    mode: "enforce",
    guardian: latch,
    arm: null,
    lastAction: null,
    state,
    assessment: { verdict, recommendation, problems: [] },
  });
}

describe("AT-14: flapping, duplicated and overlapping ticks", () => {
  const RUNS = 10_000;

  it("give at most one automatic action, as long as what it wrote can be read", () => {
    fc.assert(
      fc.property(ticks, (run) => {
        // A read that shows neither the latch nor its own config is older than both writes.
        const fresh = run.map((tick) => ({ ...tick, lags: { ...tick.lags, config: 0 } }));
        expect(play(fresh, "none")).toBeLessThanOrEqual(1);
        const latched = run.map((tick) => ({ ...tick, lags: { ...tick.lags, guardian: 0 } }));
        expect(play(latched, "none")).toBeLessThanOrEqual(1);
      }),
      { numRuns: RUNS },
    );
    console.log(`AT-14: ${RUNS} runs, at most 1 automatic action in each`);
  });

  it.each(["no-latch", "no-own-mark", "neither"] as const)("is noticed: %s", (twin) => {
    const worst = fc
      .sample(ticks, { numRuns: 500, seed: 14 })
      .map((run) =>
        run.map((tick) => ({
          ...tick,
          lags: {
            config: twin === "no-latch" ? 3 : 0,
            stop: 3,
            guardian: twin === "no-own-mark" ? 3 : 0,
          },
        })),
      )
      .map((run) => play(run, twin));
    expect(Math.max(...worst)).toBeGreaterThan(1);
  });

  it("is armed again by a human, and by nothing else", () => {
    const action = decideAction(seenOf("reduce"));
    if (action === null) throw new Error("it should act");
    const guardian = parseGuardian(documentOf(action, START_MS));
    const arm = (ms: number): GuardianArm => ({
      schema: 1,
      at: new Date(ms).toISOString(),
      by: "ada",
      id: "A",
    });
    const state = stateOf(action.config);
    expect(isLatched({ lastAction: null, guardian, arm: null, state })).toBe(true);
    expect(isLatched({ lastAction: null, guardian, arm: arm(START_MS - 1), state })).toBe(true);
    expect(isLatched({ lastAction: null, guardian: null, arm: arm(START_MS - 1), state })).toBe(
      true,
    );
    expect(isLatched({ lastAction: null, guardian, arm: arm(START_MS + 1_000), state })).toBe(
      false,
    );
    // The journal alone knows: neither its memory nor its config has reached this location.
    const nothing = { guardian: null, arm: null, state: stateOf(TEN) };
    expect(isLatched({ ...nothing, lastAction: new Date(START_MS).toISOString() })).toBe(true);
    expect(isLatched({ ...nothing, lastAction: null })).toBe(false);
  });
});
