/** What a ramp has covered is told by what the journal held before it, not by the clocks of laptops. */
import { expect, test } from "vitest";
import { coveredBy } from "../../../src/domain/ramp/overwritten.ts";
import type { JournalEntry } from "../../../src/domain/state/journal.ts";
import { journalEntry } from "../../support/journal-entries.ts";
import { rampOf, START_MS } from "./world.ts";

function reduced(id: string, offsetMs: number): JournalEntry {
  return journalEntry({
    id,
    at: new Date(START_MS + offsetMs).toISOString(),
    command: "reduce",
    before: { percent: 10, emergency: false, revision: "BASE" },
    after: { percent: 2, emergency: false, revision: id },
    revision: id,
  });
}

const HOUR_MS = 3_600_000;
const ramp = (known: string[]) => ({ ...rampOf("20:1h,50"), known_entries: known });

test("an entry that was there before, from a clock two hours ahead, is not covered", () => {
  const before = reduced("E1", 2 * HOUR_MS);
  expect(coveredBy(ramp(["E1"]), [before])).toBeNull();
  // By its time alone it would be.
  expect(coveredBy(ramp([]), [before])).toMatchObject({ by: "ada@desk", percent: 2 });
});

test("an entry that came after is covered, also from a clock that is behind", () => {
  const known = reduced("E1", 2 * HOUR_MS);
  for (const offsetMs of [1_000, -10 * 60_000, 3 * HOUR_MS]) {
    const entries = [reduced("E2", offsetMs), known].toSorted((a, b) => (a.at < b.at ? -1 : 1));
    expect(coveredBy(ramp(["E1"]), entries)).toMatchObject({ by: "ada@desk", percent: 2 });
  }
});

test("an old entry that comes into view again is not covered", () => {
  expect(coveredBy(ramp(["E1"]), [reduced("E0", -24 * HOUR_MS)])).toBeNull();
});
