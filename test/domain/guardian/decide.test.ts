import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GuardianCap } from "../../../src/domain/guardian/cap.ts";
import type { Action } from "../../../src/domain/guardian/decide.ts";
import {
  decideAction,
  entryOf,
  isLatched,
  newestAction,
  since,
} from "../../../src/domain/guardian/decide.ts";
import type { GuardianArm, GuardianDocument } from "../../../src/domain/guardian/document.ts";
import { parseGuardian, parseGuardianArm } from "../../../src/domain/guardian/document.ts";
import { tickId } from "../../../src/domain/guardian/tick-id.ts";
import type { Finding } from "../../../src/domain/policy/finding.ts";
import type { CanaryConfig, StopDocument } from "../../../src/domain/state/documents.ts";
import type { JournalEntry } from "../../../src/domain/state/journal.ts";
import { journalKey } from "../../../src/domain/state/journal.ts";
import { parseState } from "../../../src/domain/state/state.ts";
import { runs } from "../../support/runs.ts";
import { BASE, START_MS } from "../ramp/world.ts";

const FAIL: { verdict: "fail"; problems: Finding[] } = { verdict: "fail", problems: [] };
const GIVEN = { tickMs: START_MS, host: "w", tool: "t", notes: [] };
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
    cap: null,
    entries: [],
    state: stateOf(TEN),
    assessment: { ...FAIL, recommendation },
  };
}

describe("the guardian", () => {
  it.each([
    ["not-aus", null],
    ["reduce", 5],
    ["disable", 0],
  ] as const)("does what the policy recommends by a key of its own: %s", (kind, percent) => {
    const action = decideAction(seenOf(kind));
    expect(action?.stop?.by ?? null).toBe(percent === null ? "guardian" : null);
    expect(action?.cap?.percent ?? null).toBe(percent);
    expect(action).not.toHaveProperty("config");
  });

  it("halves the least share that it has heard of, and nothing during an emergency that it has heard of", () => {
    const entry = (percent: number, emergency: boolean, minutes: number): JournalEntry =>
      ({
        id: "E",
        at: new Date(Date.parse(TEN.last_updated) + minutes * 60_000).toISOString(),
        actor: "ada",
        command: "reduce",
        before: { percent: 10, emergency: false },
        after: { percent, emergency },
      }) as unknown as JournalEntry;
    const capOf = (entries: JournalEntry[]) =>
      decideAction({ ...seenOf("reduce"), entries })?.cap?.percent ?? null;
    expect(capOf([entry(2, false, 1)])).toBe(1);
    expect(capOf([entry(2, false, -1)])).toBe(5);
    expect(capOf([entry(10, true, 1)])).toBeNull();
    expect(capOf([entry(10, true, -1)])).toBe(5);
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
  cap: (GuardianCap | null)[];
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
    cap: [null],
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
      if (action.cap !== null) kv.cap.push(action.cap);
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
    told_odd: null,
    verdict: "fail",
    since: null,
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
  const blindToOwn = twin === "no-own-mark" || twin === "neither";
  const state = stateOf(
    { ...TEN, canary_percent: 100 },
    blindToOwn ? null : at(kv.stop, lags.stop),
  );
  const cap = blindToOwn ? null : at(kv.cap, lags.config);
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
    cap,
    entries: [],
    state,
    assessment: { verdict, recommendation, problems: [] },
  });
}

describe("AT-14: flapping, duplicated and overlapping ticks", () => {
  const RUNS = runs(10_000, 1_000);

  it("give at most one automatic action, as long as what it wrote can be read", () => {
    fc.assert(
      fc.property(ticks, (run) => {
        // A read that shows neither the latch nor its own config is older than both writes.
        const fresh = run.map((tick) => ({ ...tick, lags: { ...tick.lags, config: 0, stop: 0 } }));
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

  it("is armed by a human who names what it did, whatever his clock says, and by nothing else", () => {
    const action = decideAction(seenOf("reduce"));
    if (action === null) throw new Error("it should act");
    const guardian = parseGuardian(documentOf(action, START_MS));
    const own = { actor: "guardian", id: action.id } as unknown as JournalEntry;
    const stop = { active: true, id: action.id, by: "guardian" };
    const nothing = { guardian: null, cap: null, entries: [], state: stateOf(TEN) };
    const ways = [
      { ...nothing, guardian },
      { ...nothing, cap: action.cap },
      { ...nothing, entries: [own] },
      { ...nothing, state: stateOf(TEN, stop) },
      // As the first version wrote it.
      { ...nothing, state: stateOf({ ...TEN, updated_by: "guardian", revision: action.id }) },
    ];
    const before = tickId(START_MS - 60_000, "R");
    for (const known of ways) {
      for (const clockMs of [-900_000, 0, 900_000]) {
        const arm = (through: string | null): GuardianArm => ({
          schema: 1,
          at: new Date(START_MS + clockMs).toISOString(),
          by: "ada",
          id: "A",
          through,
        });
        expect(isLatched({ ...known, arm: null }, START_MS)).toBe(true);
        expect(isLatched({ ...known, arm: arm(null) }, START_MS)).toBe(true);
        expect(isLatched({ ...known, arm: arm(before) }, START_MS)).toBe(true);
        expect(isLatched({ ...known, arm: arm(action.id) }, START_MS)).toBe(false);
        expect(newestAction(known, START_MS)?.id).toBe(action.id);
      }
    }
    expect(isLatched({ ...nothing, arm: null }, START_MS)).toBe(false);
  });

  it("takes an arm without what it names, as the first version wrote it, for one that saw nothing", () => {
    const old = parseGuardianArm('{"schema":1,"at":"2099-01-01T00:00:00Z","by":"ada","id":"A"}');
    expect(old).toMatchObject({ through: null });
    const cap = decideAction(seenOf("reduce"))?.cap ?? null;
    expect(isLatched({ ...seenOf("reduce"), cap, arm: old }, START_MS)).toBe(true);
  });

  it("gets no lower by acting twice, when all that knows of the first time is read late", () => {
    const kinds = ["reduce", "disable"] as const;
    for (const kind of kinds) {
      const percents = [0, 1, 2].map((tick) => {
        const late = { ...seenOf(kind), tickMs: START_MS + tick * 60_000 };
        return decideAction(late)?.cap?.percent;
      });
      expect(new Set(percents).size).toBe(1);
    }
    const first = decideAction(seenOf("reduce"))?.cap ?? null;
    const capped = parseState({
      config: JSON.stringify(TEN),
      stop: null,
      cap: JSON.stringify(first),
    });
    const next = { ...seenOf("reduce"), tickMs: START_MS + 60_000, state: capped };
    expect(decideAction({ ...next, cap: first })).toBeNull();
  });

  it("does not act at a tick that has acted, although a human has seen what it did", () => {
    const through = decideAction(seenOf("reduce"))?.id ?? "";
    const arm: GuardianArm = { schema: 1, at: "", by: "ada", id: "A", through };
    expect(decideAction({ ...seenOf("reduce"), arm })).toBeNull();
    const next = { ...seenOf("reduce"), arm, tickMs: START_MS + 60_000 };
    expect(decideAction(next)).not.toBeNull();
  });

  const armOf = (through: string | null): GuardianArm => {
    return { schema: 1, at: "", by: "ada", id: "A", through };
  };
  const AHEAD = tickId(START_MS + 86_400_000, "R");
  const NOT_ITS_OWN = ["unreadable-0123", "HAND", "", "Z".repeat(26), AHEAD];

  it.each(NOT_ITS_OWN)("takes no other id for an action, nor an arm for one: %j", (id) => {
    const own = decideAction(seenOf("reduce"));
    if (own?.cap == null) throw new Error("it should act");
    const cap = { ...own.cap, id };
    const entry = { ...entryOf(own, GIVEN), id, at: "" };
    const latched = { at: "", action: "reduce" as const, id, why: "" };
    const guardian = { latched, since: null } as unknown as GuardianDocument;
    const stop = { active: false, id, by: "guardian" };
    const odd = { guardian, cap, entries: [entry], state: stateOf(TEN, stop) };
    expect(newestAction(odd, START_MS)).toBeNull();
    expect(decideAction({ ...seenOf("reduce"), ...odd })).not.toBeNull();
    expect(decideAction({ ...seenOf("reduce"), arm: armOf(id) })).not.toBeNull();
    // Beside a true one it hides nothing, and an arm that names it arms through nothing.
    const both = { ...odd, entries: [entryOf(own, GIVEN), entry] };
    expect(newestAction(both, START_MS)?.id).toBe(own.id);
    const next = { ...seenOf("reduce"), ...both, tickMs: START_MS + 60_000 };
    expect(decideAction({ ...next, arm: armOf(id) })).toBeNull();
    expect(decideAction({ ...next, arm: armOf(own.id) })).not.toBeNull();
  });

  it("remembers what any witness knows, as they are lost one by one", () => {
    const own = decideAction(seenOf("disable"));
    if (own === null) throw new Error("it should act");
    const alone = { guardian: null, cap: null, entries: [], state: stateOf(TEN) };
    const expected = { id: own.id, action: "disable" };
    expect(newestAction({ ...alone, cap: own.cap }, START_MS)).toMatchObject(expected);
    const entries = [entryOf(own, GIVEN)];
    expect(newestAction({ ...alone, entries }, START_MS)).toMatchObject(expected);
  });

  it("hears no word that is yet to come, and is held back by none", () => {
    const entry = (minutes: number, emergency: boolean): JournalEntry =>
      ({
        id: `E${minutes}`,
        at: new Date(START_MS + minutes * 60_000).toISOString(),
        actor: "ada",
        command: emergency ? "not-aus" : "restore",
        before: { percent: 10, emergency: !emergency },
        after: { percent: 10, emergency },
      }) as unknown as JournalEntry;
    const seen = (entries: JournalEntry[]) => decideAction({ ...seenOf("reduce"), entries });
    expect(seen([entry(-1, true)])).toBeNull();
    expect(seen([entry(120, true)])).not.toBeNull();
    expect(seen([entry(-1, true), entry(120, false)])).toBeNull();
    const known = { ...seenOf("reduce"), entries: [entry(120, true)] };
    const first = since(known, START_MS);
    const entries = [entry(1, false), entry(120, true)];
    const guardian = { since: first } as unknown as GuardianDocument;
    expect(since({ ...known, guardian }, START_MS + 60_000)).toEqual(first);
    expect(since({ ...known, guardian, entries }, START_MS + 60_000).mark).not.toBe(first.mark);
  });

  it.each(["", "soon", "2099-01-01T00:00:00Z"])("begins anew after a since of %j", (at) => {
    const { mark } = since(seenOf("reduce"), START_MS);
    const guardian = { since: { mark, at } } as unknown as GuardianDocument;
    expect(since({ ...seenOf("reduce"), guardian }, START_MS).at).toBe(
      new Date(START_MS).toISOString(),
    );
  });

  it("counts what was measured since it first saw what people did, by its own clock", () => {
    const known = { ...seenOf("reduce"), arm: null };
    const first = since(known, START_MS);
    const guardian = { since: first } as unknown as GuardianDocument;
    expect(since({ ...known, guardian }, START_MS + 60_000)).toEqual(first);
    const arm: GuardianArm = { schema: 1, at: "2099-01-01", by: "ada", id: "A", through: null };
    const atMs = START_MS + 120_000;
    expect(since({ ...known, guardian, arm }, atMs).at).toBe(new Date(atMs).toISOString());
    const byHand = stateOf({ ...TEN, updated_by: undefined, canary_percent: 7 });
    expect(since({ ...known, guardian, state: byHand }, atMs).at).toBe(
      new Date(atMs).toISOString(),
    );
  });
});
