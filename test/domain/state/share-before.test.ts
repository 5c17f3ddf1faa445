import { describe, expect, it } from "vitest";
import type { JournalEntry } from "../../../src/domain/state/journal.ts";
import { shareBeforeIncident } from "../../../src/domain/state/share-before.ts";
import { journalEntry } from "../../support/journal-entries.ts";

const NOW_MS = Date.parse("2025-11-15T12:00:00Z");

function entry(
  command: string,
  before: number | null,
  after: number | null,
  more: Partial<JournalEntry> = {},
): JournalEntry {
  const side = (percent: number | null) => ({ percent, emergency: false, revision: null });
  return journalEntry({
    command,
    before: before === null ? null : side(before),
    after: side(after),
    ...more,
  });
}

const share = (...entries: JournalEntry[]) => shareBeforeIncident(entries, NOW_MS)?.percent ?? null;
const finish = (percent: number) => entry("ramp", percent, percent, { id: "R1-done" });

describe("the share before an incident", () => {
  it("is what the last restore set, when the stop was blind", () => {
    expect(share(entry("restore", 0, 25), entry("not-aus", null, 0))).toBe(25);
  });
  it("is what stood before the first of several relief commands", () => {
    const entries = [entry("reduce", 40, 20), entry("disable", 20, 0), entry("not-aus", null, 0)];
    expect(share(...entries)).toBe(40);
  });
  it("is not the zero that a relief command left behind", () => {
    expect(share(entry("restore", 0, 10), entry("not-aus", 0, 0))).toBe(10);
  });
  it("is unknown to an empty journal", () => {
    expect(share()).toBeNull();
    expect(share(entry("not-aus", null, 0))).toBeNull();
  });
  it("belongs to the present incident, not to an earlier one", () => {
    const entries = [entry("reduce", 50, 25), entry("restore", 25, 10), entry("reduce", 10, 5)];
    expect(share(...entries)).toBe(10);
  });
  it("is told with who set it, and when", () => {
    const told = shareBeforeIncident([entry("restore", 0, 25, { actor: "anna" })], NOW_MS);
    expect(told).toEqual({ percent: 25, at: "2025-11-15T10:30:00Z", actor: "anna" });
  });
});

describe("after a ramp", () => {
  it("that was aborted, it is what the ramp started from", () => {
    const steps = [entry("restore", 0, 5), entry("ramp", 5, 10), entry("ramp", 10, 15)];
    expect(share(...steps, entry("not-aus", 15, 0))).toBe(5);
    expect(share(...steps, entry("reduce", 15, 5), entry("not-aus", 5, 0))).toBe(5);
  });
  it("that was aborted and started from nothing, nobody knows a share", () => {
    expect(share(entry("ramp", 0, 15), entry("not-aus", 15, 0))).toBeNull();
    expect(
      share(entry("disable", 40, 0), entry("ramp", 0, 15), entry("not-aus", 15, 0)),
    ).toBeNull();
  });
  it("that got to its end, it is what it ended with", () => {
    const steps = [entry("ramp", 0, 50), entry("ramp", 50, 100), finish(100)];
    expect(share(...steps, entry("not-aus", null, 0))).toBe(100);
    expect(share(...steps, entry("reduce", 100, 30), entry("not-aus", 30, 0))).toBe(100);
  });
});

it("an entry by a clock that was a day ahead counts for nothing", () => {
  const ahead = entry("restore", 5, 60, { at: "2025-11-16T10:00:00Z" });
  expect(share(entry("restore", 0, 5), ahead)).toBe(5);
  expect(share(ahead)).toBeNull();
});
