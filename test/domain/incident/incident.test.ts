/** Incidents as the journal tells of them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isIncidentId, openIncidentIn } from "../../../src/domain/incident/event.ts";
import {
  changesIn,
  chosen,
  incidentId,
  incidentsOf,
  reportName,
} from "../../../src/domain/incident/incident.ts";
import { changesOf } from "../../../src/domain/logs/timeline.ts";
import { lastReduction } from "../../../src/domain/policy/observations.ts";
import { journalEntrySchema, parseJournalEntry } from "../../../src/domain/state/journal.ts";
import { shareBeforeIncident } from "../../../src/domain/state/share-before.ts";
import { at, BEGUN_MS, entry, event, incident, MINUTE_MS } from "./world.ts";

const opened = event(0, "opened", { text: "Uploads fail", severity: "warning" });

describe("an incident", () => {
  test("is opened, noted, closed; a time that is given counts before that of the entry", () => {
    const [found] = incidentsOf([
      opened,
      event(3, "noted", { text: "pool exhausted", when: at(1) }),
      event(4, "notified", { text: "not-aus: notification through slack" }),
      event(9, "closed", { when: at(8) }),
    ]);
    expect(found).toMatchObject({
      id: "INC-7",
      severity: "warning",
      title: "Uploads fail",
      begunMs: BEGUN_MS,
      notes: [
        { kind: "noted", atMs: BEGUN_MS + MINUTE_MS, text: "pool exhausted" },
        { kind: "notified", atMs: BEGUN_MS + 4 * MINUTE_MS },
      ],
      closed: { atMs: BEGUN_MS + 9 * MINUTE_MS, endedMs: BEGUN_MS + 8 * MINUTE_MS },
    });
  });

  test("that nobody opened is none, and who closed it first did", () => {
    expect(incidentsOf([event(1, "noted"), event(2, "closed")])).toEqual([]);
    const twice = incidentsOf([opened, event(5, "closed"), event(9, "closed")]);
    expect(twice[0]?.closed?.atMs).toBe(BEGUN_MS + 5 * MINUTE_MS);
  });

  test("that was opened by a clock ahead has begun when it is over, and keeps what comes before", () => {
    const ahead = event(120, "opened");
    const [found] = incidentsOf([event(20, "noted"), event(30, "closed"), ahead]);
    expect(found).toMatchObject({
      begunMs: BEGUN_MS + 30 * MINUTE_MS,
      notes: [{ atMs: BEGUN_MS + 20 * MINUTE_MS }],
      closed: { endedMs: BEGUN_MS + 30 * MINUTE_MS },
    });
  });

  test("without a readable time is none, and ends none", () => {
    expect(incidentsOf([{ ...opened, at: "yesterday" }])).toEqual([]);
    const [found] = incidentsOf([opened, { ...event(2, "closed"), at: "" }]);
    expect(found?.closed).toBeNull();
  });

  test("with an id that could be markup is none", () => {
    expect(incidentsOf([event(0, "opened", { incident: "x --> <b>" })])).toEqual([]);
    expect(["INC-42", "OPS_1", "a#1", "--", "a--b", "", "x".repeat(65)].map(isIncidentId)).toEqual([
      ...[true, true, true, false, false, false, false],
    ]);
  });

  test("is chosen by its id; without one, the open one before a closed one", () => {
    const closed = incident({ id: "INC-1" });
    const open = incident({ id: "INC-2", closed: null });
    expect(chosen([open, closed], undefined)?.id).toBe("INC-2");
    expect(chosen([closed], undefined)?.id).toBe("INC-1");
    expect(chosen([open, closed], "INC-1")?.id).toBe("INC-1");
    expect(chosen([open], "INC-9")).toBeNull();
  });

  test("has a short id by its second", () => {
    const id = incidentId("01JCQ8Z3KM4T7XABCDEFGHJKMN");
    expect(id).toBe("INC-01JCQ8Z3MN");
    expect(isIncidentId(id)).toBe(true);
  });

  test("has a report named by day and tag", () => {
    expect(reportName(incident(), "B2a", 1)).toBe("2026-05-01_b2a_incident.md");
    expect(reportName(incident(), "../x", 2)).toBe("2026-05-01____x_incident_2.md");
  });
});

test("the open one is the last that was opened and is not closed", () => {
  const other = event(1, "opened", { incident: "INC-8" });
  expect(openIncidentIn([])).toBeNull();
  expect(openIncidentIn([opened, other])).toBe("INC-8");
  expect(openIncidentIn([opened, other, event(2, "closed", { incident: "INC-8" })])).toBe("INC-7");
  expect(openIncidentIn([opened, event(2, "closed")])).toBeNull();
  expect(openIncidentIn([event(2, "closed"), event(120, "opened")])).toBeNull();
  expect(openIncidentIn([event(0, "opened", { incident: "x\n--> y" })])).toBeNull();
});

test("to an incident belong the changes that name it, and those of its time that name no other", () => {
  const own = entry(90, { command: "restore" });
  const inTime = entry(5, { incident: null });
  const others = [entry(5, { incident: "INC-8" }), entry(-5, { incident: null }), opened];
  const late = entry(25, { incident: null });
  const all = [...others, inTime, late, own];
  expect(changesIn(all, incident(), BEGUN_MS + 99 * MINUTE_MS)).toEqual([inTime, own]);
  const open = incident({ closed: null });
  expect(changesIn(all, open, BEGUN_MS + 99 * MINUTE_MS)).toEqual([inTime, late, own]);
});

describe("the journal with incidents", () => {
  test("is read by a version that knows none: their entries changed nothing", () => {
    const { event: _, ...old } = opened;
    const schema = journalEntrySchema();
    expect(schema.parse(JSON.parse(JSON.stringify(opened)))).toEqual(opened);
    const change = entry(-9, { after: { percent: 5, emergency: false, revision: "R" } });
    const journal = [change, old];
    expect(lastReduction(journal)).toBe(lastReduction([change]));
    expect(shareBeforeIncident(journal, BEGUN_MS)).toEqual(shareBeforeIncident([change], BEGUN_MS));
  });

  test("is read when a later version knows further kinds, and when the event is broken", () => {
    for (const strange of [{ kind: "reopened" }, "x", null, { kind: "noted", text: 1 }]) {
      const read = parseJournalEntry(JSON.stringify({ ...entry(0), event: strange }));
      expect(read).toEqual(entry(0));
    }
  });

  test("tells logs of changes of state alone", () => {
    expect(changesOf([entry(0), opened]).map(({ command }) => command)).toEqual(["not-aus"]);
  });
});

test("whatever is in the journal, folding it never throws", () => {
  const kinds = fc.constantFrom("opened", "noted", "notified", "closed" as const);
  const any = fc.record({
    kind: kinds,
    text: fc.string(),
    minutes: fc.nat(100),
    when: fc.string(),
  });
  fc.assert(
    fc.property(fc.array(any), (events) => {
      const journal = events.map(({ kind, minutes, ...more }) => event(minutes, kind, more));
      const found = incidentsOf(journal);
      expect(found.length).toBe(events.some(({ kind }) => kind === "opened") ? 1 : 0);
    }),
  );
});
