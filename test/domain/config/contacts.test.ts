/** Contacts: what is printed of them, and which of them an engineer at night would look for in vain. */
import { describe, expect, it } from "vitest";
import type { Contacts } from "../../../src/domain/config/contacts.ts";
import {
  contactParts,
  contactProblem,
  escalationSchema,
  NO_CONTACTS,
} from "../../../src/domain/config/contacts.ts";
import { noticeOfEntry } from "../../../src/domain/notices/of-entry.ts";
import { slackMessage } from "../../../src/domain/notices/slack.ts";
import type { JournalEntry } from "../../../src/domain/state/journal.ts";

const FULL: Contacts = {
  onCall: "Anna 0170-1234567",
  slack: "#incidents",
  channels: ["bridge https://meet.example/x"],
  escalation: [
    { afterMinutes: 15, to: "Ben 0171-7654321" },
    { afterMinutes: 30, to: "head of platform" },
  ],
  docs: "RUNBOOK.md",
};

describe("the parts of contacts", () => {
  it("come in the order in which people need them", () => {
    expect(contactParts(FULL)).toEqual([
      "On-call: Anna 0170-1234567",
      "After 15 min: Ben 0171-7654321",
      "After 30 min: head of platform",
      "Slack: #incidents",
      "Channel: bridge https://meet.example/x",
      "Docs: RUNBOOK.md",
    ]);
    expect(contactParts(NO_CONTACTS)).toEqual([]);
  });

  it("are one line each, whatever they hold", () => {
    const onCall = "Anna\u001b[31m\nroot\u202e";
    expect(contactParts({ ...NO_CONTACTS, onCall })).toEqual(["On-call: Anna [31m root"]);
  });
});

describe("contacts that are not enough", () => {
  it.each<[Partial<Contacts>, string, string]>([
    [NO_CONTACTS, "not configured: onCall, slack, escalation", '"onCall", "slack", "escalation"'],
    [{ escalation: [] }, "not configured: escalation", '"escalation"'],
    [{ onCall: "[rotation]" }, "onCall is not filled in: [rotation]", '"onCall"'],
    [{ onCall: "TODO: ask Anna" }, "onCall is not filled in: TODO: ask Anna", '"onCall"'],
    [{ slack: "<channel>" }, "slack is not filled in: <channel>", '"slack"'],
    [{ channels: ["…"] }, "channels is not filled in: …", '"channels"'],
    [
      { escalation: [{ afterMinutes: 15, to: "???" }], onCall: null },
      "not configured: onCall; escalation is not filled in: ???",
      '"onCall", "escalation"',
    ],
  ])("%j: %s", (change, problem, names) => {
    const fix = `set ${names} in pixcanary.json`;
    expect(contactProblem({ ...FULL, ...change })).toEqual({ problem, fix });
  });

  it.each<Partial<Contacts>>([
    {},
    { docs: null },
    { slack: null },
    { channels: [] },
    { onCall: "PagerDuty, canary rotation [EU]" },
    { onCall: "Exampleton, Todor 0170-1" },
    { slack: "#none-of-your-business" },
  ])("are not these: %j", (change) => {
    expect(contactProblem({ ...FULL, ...change })).toBeNull();
  });
});

describe("the escalation in pixcanary.json", () => {
  const step = (afterMinutes: number, to = "Ben") => ({ afterMinutes, to });

  it("is in order, each step later than the one before", () => {
    const accepts = (steps: unknown) => escalationSchema().safeParse(steps).success;
    expect(accepts([step(15), step(30)])).toBe(true);
    expect(accepts([step(30), step(15)])).toBe(false);
    expect(accepts([step(15), step(15)])).toBe(false);
    expect(accepts([step(0)])).toBe(false);
    expect(accepts([{ afterMinutes: 15 }])).toBe(false);
    expect(accepts([step(15, "Ben\u001b]52;x")])).toBe(false);
    expect(accepts([step(15, "")])).toBe(false);
  });
});

describe("a notification", () => {
  const entry = (command: string): JournalEntry => ({
    schema: 1,
    id: "01ID",
    at: "2026-05-01T12:00:00Z",
    command,
    actor: "anna@laptop",
    host: "laptop",
    tool: "test",
    namespace: "n",
    reason: null,
    incident: null,
    before: { percent: 10, emergency: command === "restore", revision: "A" },
    after: { percent: 0, emergency: command === "not-aus", revision: "B" },
    revision: "B",
    verification: { outcome: "live", locations: ["FRA"], elapsed_ms: 1 },
    notes: [],
  });
  const contacts = contactParts({ ...FULL, onCall: "Anna <!channel>" });

  it.each([
    ["not-aus", true],
    ["reduce", true],
    ["restore", false],
  ])("of %s names the contacts: %s", (command, named) => {
    const { text } = slackMessage(noticeOfEntry("production", entry(command), { contacts }));
    expect(text.includes("• After 15 min: Ben 0171-7654321")).toBe(named);
    expect(text.includes("Anna &lt;!channel&gt;")).toBe(named);
  });
});
