/** Entries of the journal, of which a test says what matters to it. */
import type { JournalEntry } from "../../src/domain/state/journal.ts";

export function journalEntry(given: Partial<JournalEntry> = {}): JournalEntry {
  return {
    schema: 1,
    id: "01J",
    at: "2025-11-15T10:30:00Z",
    command: "not-aus",
    actor: "ada@desk",
    host: "desk",
    reason: null,
    incident: null,
    before: null,
    after: { percent: 0, emergency: true, revision: null },
    revision: null,
    verification: { outcome: "live", locations: [], elapsed_ms: 1 },
    notes: [],
    tool: "test",
    namespace: null,
    ...given,
  };
}
