/** The share over time as the journal tells it. */
import { expect, test } from "vitest";
import { timelineOf } from "../../../src/domain/dashboard/timeline.ts";
import { NO_CHANGE } from "../../../src/domain/state/journal.ts";
import { journalEntry } from "../../support/journal-entries.ts";

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
  const { plot, marks } = timelineOf(range, NOW_S, { entries, present });
  return { t: plot.t.map((s) => s - FROM_S), values: plot.curves[0]?.values, marks };
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
