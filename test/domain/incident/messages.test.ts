/** The three messages: the team's templates, with what is known and no more. */
import { describe, expect, test } from "vitest";
import type { MessageFacts } from "../../../src/domain/incident/messages.ts";
import { messageLines } from "../../../src/domain/incident/messages.ts";
import { BEGUN_MS, entry, facts, incident, MINUTE_MS } from "./world.ts";

const open = incident({ closed: null });
const given = (more: Partial<MessageFacts> = {}): MessageFacts => ({
  incident: open,
  environment: "production",
  tag: "B2a",
  nowMs: BEGUN_MS + 10 * MINUTE_MS,
  changes: [entry(5)],
  impact: facts().impact,
  trend: { minutes: 5, now: { requests: 200, failed: 1 }, before: { requests: 100, failed: 20 } },
  contacts: { onCall: "PagerDuty, canary rotation", slack: "#incidents", docs: "RUNBOOK.md" },
  next: null,
  ...more,
});

describe("slack", () => {
  test("has status, time, action with its proof, impact, trend and what comes next", () => {
    expect(messageLines("slack", given())).toEqual([
      "🚨 B2a Incident INC-7 - Uploads fail",
      "Status: MITIGATED, all traffic goes to proxy (the legacy origin)",
      "Time: 14:25:00 - 14:35:00 UTC (10 min)",
      "Action: NOT-AUS: all traffic to proxy (the legacy origin), live at FRA, AMS in 2.50 s; 5xx spike",
      expect.stringMatching(/^Impact: 1,250 of 50,000 requests failed \(2\.5 %\); native: /),
      "Error rate: last 5 min: 1 of 200 requests failed (0.5 %); in the 5 min before: 20 of 100 requests failed (20 %)",
      "Next: investigation ongoing, next update 15:05 UTC",
      "Updates: #incidents channel",
    ]);
  });

  test("says live only of what was seen live", () => {
    const verification = { outcome: "written" as const, locations: [], elapsed_ms: 0 };
    const lines = messageLines("slack", given({ changes: [entry(5, { verification })] }));
    expect(lines[1]).toBe(
      "Status: MITIGATED, not yet seen live everywhere; all traffic goes to proxy (the legacy origin)",
    );
    expect(lines.join("\n")).not.toMatch(/live at/);
  });

  test("says what is not known", () => {
    const impact = { kind: "unknown", because: "no network" } as const;
    const text = messageLines("slack", given({ impact, trend: null, changes: [] })).join("\n");
    expect(text).toContain("Status: ONGOING, nothing was changed so far");
    expect(text).toContain("Impact: not known: no network");
    expect(text).toContain("Error rate: not known: the metrics could not be asked");
  });

  test("of a share that was lowered does not say that it is over", () => {
    const after = { percent: 5, emergency: false, revision: "R" };
    const lines = messageLines(
      "slack",
      given({ changes: [entry(1, { command: "reduce", after })] }),
    );
    expect(lines[1]).toBe("Status: ONGOING, 5 % of new visitors go to native");
  });

  test("of a closed incident is resolved; what comes next can be given", () => {
    const lines = messageLines("slack", given({ incident: incident(), next: "retro on Monday" }));
    expect([lines[0], lines[1]]).toEqual([
      "✅ B2a Incident INC-7 - Uploads fail",
      "Status: RESOLVED",
    ]);
    expect(lines).toContain("Next: retro on Monday");
  });
});

describe("the status page", () => {
  test("names nobody and nothing of the inside, and promises only what is so", () => {
    const text = messageLines("status-page", given()).join("\n");
    expect(text).toMatch(/^Investigating Performance Issues\n/);
    expect(text).toContain("Since 14:25 UTC some uploads have failed or been slow.");
    expect(text).toContain("Our team has taken a precaution and is monitoring the situation.");
    expect(text).toContain("Most users are unaffected.");
    expect(text).not.toMatch(/INC-|native|proxy|oncall|5xx|Uploads fail/);
  });

  test("does not say that most are unaffected when that is not known, or not so", () => {
    const unknown = { kind: "unknown", because: "x" } as const;
    const bad = { kind: "known", requests: 10, failed: 5, cohorts: [] } as const;
    for (const impact of [unknown, { ...bad, cohorts: [] }]) {
      const text = messageLines("status-page", given({ impact })).join("\n");
      expect(text).not.toContain("unaffected");
    }
  });

  test("of a closed incident says from when to when", () => {
    const text = messageLines("status-page", given({ incident: incident() })).join("\n");
    expect(text).toContain("Between 14:25 UTC and 14:45 UTC some uploads failed or were slow.");
  });
});

test("internal has every action and whom to ask", () => {
  const restore = entry(9, {
    command: "restore",
    after: { percent: 10, emergency: false, revision: "R3" },
    reason: "pool fixed",
  });
  const lines = messageLines("internal", given({ changes: [entry(5), restore] }));
  expect(lines).toContain(
    "14:34:00Z restore: 10 % of new visitors to native, live at FRA, AMS in 2.50 s; pool fixed",
  );
  expect(lines.filter((line) => line.startsWith("14:"))).toHaveLength(2);
  expect(lines).toContain("On call: PagerDuty, canary rotation");
});
