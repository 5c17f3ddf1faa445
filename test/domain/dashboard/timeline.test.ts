/** The share over time as the journal tells it. */
import { expect, test } from "vitest";
import { presentShare, timelineOf } from "../../../src/domain/dashboard/timeline.ts";
import { serialiseCap } from "../../../src/domain/guardian/cap.ts";
import { serialiseConfig } from "../../../src/domain/state/documents.ts";
import { NO_CHANGE } from "../../../src/domain/state/journal.ts";
import type { RawState } from "../../../src/domain/state/state.ts";
import { parseState } from "../../../src/domain/state/state.ts";
import { journalEntry } from "../../support/journal-entries.ts";
import { BASE } from "../ramp/world.ts";

const FROM_S = 1_800_000_000;
const range = {
  key: "1h",
  window: { fromS: FROM_S, toS: FROM_S + 3_600 },
  bucketS: 60,
  freshS: 30,
};
const iso = (s: number): string => new Date(s * 1_000).toISOString();
const side = (percent: number, emergency = false) => ({ percent, emergency, revision: null });
const entry = (atS: number, before: ReturnType<typeof side>, after: ReturnType<typeof side>) =>
  journalEntry({ id: `E${atS}`, at: iso(atS), before, after });

const NOW_S = FROM_S + 3_000;
const of = (
  entries: ReturnType<typeof entry>[],
  present: { percent: number; sinceS: number } | null = null,
) => {
  const { plot, marks, cut } = timelineOf(range, NOW_S, { entries, present });
  return { t: plot.t.map((s) => s - FROM_S), values: plot.curves[0]?.values, marks, cut };
};

test("each change is a step, from the share before the window to now; a stop is 0 %", () => {
  const entries = [
    entry(FROM_S - 500, side(5), side(10)),
    entry(FROM_S + 600, side(10), side(10, true)),
    entry(FROM_S + 900, side(10, true), side(20)),
  ];
  const { t, values, marks } = of(entries);
  expect([t, values]).toEqual([
    [0, 600, 900, 3_000],
    [10, 0, 20, 20],
  ]);
  expect(marks.map(({ what }) => what)).toEqual([
    expect.stringContaining("10 % → STOP"),
    expect.stringContaining("STOP → 20 %"),
  ]);
});

test("without an entry before the window, the first one in it says what was before", () => {
  expect(of([entry(FROM_S + 60, side(5), side(10))]).values).toEqual([5, 10, 10]);
});

test("without any entry it is the share in force, since that was set", () => {
  expect(of([], { percent: 10, sinceS: FROM_S - 9_000 })).toMatchObject({
    t: [0, 3_000],
    values: [10, 10],
  });
  expect(of([], { percent: 10, sinceS: FROM_S + 60 })).toMatchObject({
    t: [0, 60, 3_000],
    values: [null, 10, 10],
  });
  expect(of([]).values).toEqual([null, null]);
});

test("a share that was set after the range says nothing of it", () => {
  expect(of([], { percent: 10, sinceS: FROM_S + 9_000 }).values).toEqual([null, null]);
  expect(of([entry(FROM_S + 9_000, side(5), side(10))]).values).toEqual([5, 5]);
});

test("what the journal does not show yet, or never will, is a step as well", () => {
  const known = [entry(FROM_S + 60, side(5), side(10))];
  expect(of(known, { percent: 0, sinceS: FROM_S + 120 })).toMatchObject({
    t: [0, 60, 120, 3_000],
    values: [5, 10, 0, 0],
  });
  expect(of(known, { percent: 10, sinceS: FROM_S + 120 }).values).toEqual([5, 10, 10]);
});

test("where older entries were not read, the share before the first is not known", () => {
  const many = Array.from({ length: 100 }, (_, nth) => entry(FROM_S + nth + 1, side(5), side(10)));
  expect(of(many)).toMatchObject({ cut: true, values: [null, 10, ...Array(100).fill(10)] });
  expect(of([entry(FROM_S - 9, side(1), side(5)), ...many])).toMatchObject({ cut: false });
});

test("the share in force is so since the stop, the cap or the config, whichever says it", () => {
  const stopped = iso(FROM_S + 60);
  const config = serialiseConfig({ ...BASE, canary_percent: 10, last_updated: iso(FROM_S) });
  const stop = JSON.stringify({ active: true, id: "S", at: stopped });
  const cap = serialiseCap({
    schema: 1,
    id: "01JCQCAP000000000000000000",
    at: iso(FROM_S + 90),
    by: "guardian",
    reason: "p90",
    percent: 5,
  });
  const present = (raw: Partial<RawState>) =>
    presentShare(parseState({ config, stop: null, ...raw }));
  expect(present({})).toEqual({ percent: 10, sinceS: FROM_S });
  expect(present({ stop })).toEqual({ percent: 0, sinceS: FROM_S + 60 });
  expect(present({ cap })).toEqual({ percent: 5, sinceS: FROM_S + 90 });
  expect(present({ stop: "{" })).toBeNull();
});

test("what changed nothing is told, and moves nothing", () => {
  const nothing = journalEntry({
    id: "N",
    at: iso(FROM_S + 60),
    after: NO_CHANGE,
    notes: ["refused"],
  });
  const { values, marks } = of([entry(FROM_S - 60, side(5), side(10)), nothing]);
  expect(values).toEqual([10, 10]);
  expect(marks).toMatchObject([{ id: "N", what: expect.stringContaining("refused") }]);
});
