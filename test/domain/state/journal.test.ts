import { describe, expect, it } from "vitest";
import { type JournalEntry, shareBeforeIncident } from "../../../src/domain/state/journal.ts";

function entry(command: string, before: number | null, after: number | null): JournalEntry {
  const side = (percent: number | null) => ({ percent, emergency: false, revision: null });
  return {
    schema: 1,
    id: "x",
    at: "2025-11-15T10:30:00Z",
    command,
    actor: "a",
    host: "h",
    reason: null,
    incident: null,
    before: before === null ? null : side(before),
    after: side(after),
    revision: null,
    verification: { outcome: "live", locations: [], elapsed_ms: 0 },
    notes: [],
    tool: "t",
    namespace: null,
  };
}

describe("the share before an incident", () => {
  it("is what the last restore set, when the stop was blind", () => {
    expect(shareBeforeIncident([entry("restore", 0, 25), entry("not-aus", null, 0)])).toBe(25);
  });
  it("is what stood before the first of several relief commands", () => {
    const entries = [entry("reduce", 40, 20), entry("disable", 20, 0), entry("not-aus", null, 0)];
    expect(shareBeforeIncident(entries)).toBe(40);
  });
  it("is not the zero that a relief command left behind", () => {
    expect(shareBeforeIncident([entry("restore", 0, 10), entry("not-aus", 0, 0)])).toBe(10);
  });
  it("is unknown to an empty journal", () => {
    expect(shareBeforeIncident([])).toBeNull();
    expect(shareBeforeIncident([entry("not-aus", null, 0)])).toBeNull();
  });
  it("belongs to the present incident, not to an earlier one", () => {
    const entries = [entry("reduce", 50, 25), entry("restore", 25, 10), entry("reduce", 10, 5)];
    expect(shareBeforeIncident(entries)).toBe(10);
  });
});
