import { expect, it } from "vitest";
import { caughtWindows, uncaught } from "../../../src/domain/policy/caught-intents.ts";
import { DEFAULT_POLICY as POLICY } from "../../../src/domain/policy/numbers.ts";
import type { JournalEntry } from "../../../src/domain/state/journal.ts";

const START_S = 1_763_000_040;
const NOW_S = START_S + 7_200;

const entry = (minute: number, emergency: boolean | null, command = "not-aus"): JournalEntry =>
  ({
    at: new Date((START_S + minute * 60) * 1_000).toISOString(),
    command,
    actor: command === "not-aus" ? "guardian" : "ada",
    before: null,
    after: { percent: 10, emergency, revision: null },
  }) as unknown as JournalEntry;

/** One abandoned intent in each minute. */
const rows = Array.from({ length: 120 }, (_, i) => ({
  bucket: START_S + i * 60,
  intents: 1,
  finalized: 0,
  requests: 10,
}));
const counted = (entries: JournalEntry[]): number =>
  uncaught(rows, caughtWindows(entries, NOW_S, POLICY), 60).intents;

it("counts no intents from as long before a stop as an upload may take, until its release", () => {
  expect(counted([])).toBe(120);
  // From minute 15 up to 39.
  expect(counted([entry(30, true), entry(40, false, "restore")])).toBe(120 - 25);
  // A second stop, and a change that says nothing of it, do not begin it anew.
  const again = [entry(30, true), entry(35, true), entry(36, null), entry(40, false, "restore")];
  expect(counted(again)).toBe(120 - 25);
});

it("counts no intents since a stop that is not released", () => {
  expect(counted([entry(30, true)])).toBe(15);
  const left = uncaught(rows, caughtWindows([entry(30, true)], NOW_S, POLICY), 60);
  expect(left.requests).toBe(150);
});

it("counts what was made before and after two stops, and between them", () => {
  const two = [entry(30, true), entry(40, false), entry(80, true), entry(90, false)];
  expect(counted(two)).toBe(120 - 25 - 25);
});
