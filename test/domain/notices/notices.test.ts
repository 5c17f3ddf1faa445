/** What each service is sent: within its limits, and without anything that hostile text could do. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { emailOf, MAX_SUBJECT_CHARS } from "../../../src/domain/notices/email.ts";
import type { Notice } from "../../../src/domain/notices/notice.ts";
import { clean, noticeKey, plainText } from "../../../src/domain/notices/notice.ts";
import { noticeOfEntry } from "../../../src/domain/notices/of-entry.ts";
import { pagerDutyEvent } from "../../../src/domain/notices/pagerduty.ts";
import { MAX_SLACK_CHARS, slackMessage } from "../../../src/domain/notices/slack.ts";
import { webhookDocument } from "../../../src/domain/notices/webhook.ts";
import type { JournalEntry } from "../../../src/domain/state/journal.ts";
import { judge } from "../../../src/sandbox/notices/judge.ts";
import { PagerDuty } from "../../../src/sandbox/notices/pagerduty.ts";
import { hostileText } from "../../support/hostile-text.ts";
import { journalEntry } from "../../support/journal-entries.ts";

const KEY = "a".repeat(32);
const AT = "2026-11-15T10:31:02.000Z";

function notice(given: Partial<Notice> = {}): Notice {
  return {
    kind: "trigger",
    key: "pixcanary:production:health",
    env: "production",
    severity: "critical",
    title: "error rate 10 %: over 3 % in each of 3 min",
    details: ["native 10 %", "proxy 0.2 %"],
    next: "pixcanary not-aus --env production",
    at: AT,
    source: "pix-api",
    ...given,
  };
}

const anyText = hostileText(60);
const longText = fc.tuple(anyText, fc.nat(3)).map(([text, times]) => text.repeat(10 ** times));
const hostileNotice: fc.Arbitrary<Notice> = fc.record({
  kind: fc.constantFrom("trigger", "resolve", "reminder", "event"),
  key: fc.oneof(
    fc.constant("pixcanary:production:health"),
    longText.map((text) => `k${text}`),
  ),
  env: longText.map((text) => `e${text}`),
  severity: fc.constantFrom("critical", "warning", "info"),
  title: longText,
  details: fc.array(longText, { maxLength: 60 }),
  next: fc.option(longText),
  at: fc.constant(AT),
  source: longText,
});

/** Of any service's text: no control, format or bidirectional character, no half of a pair. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/u;

function texts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(texts) : [];
}

describe("hostile text, in every field and channel", () => {
  it("PagerDuty takes it, whatever it is", () => {
    fc.assert(
      fc.property(hostileNotice, (given) => {
        const event = pagerDutyEvent(given, KEY);
        const silent = given.kind === "event" && given.severity !== "critical";
        expect(event === null).toBe(silent);
        if (event === null) return;
        expect(new PagerDuty(KEY).enqueue(event, 0)).toMatchObject({ ok: true });
        expect(texts(event).filter((text) => UNSAFE.test(text))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it("Slack takes it, and nobody is mentioned", () => {
    fc.assert(
      fc.property(hostileNotice, (given) => {
        const message = slackMessage({ ...given, title: `<!channel> ${given.title} <@U123>` });
        expect(judge.slack(message, true)).toMatchObject({ status: 200 });
        expect(message.text.length).toBeLessThanOrEqual(MAX_SLACK_CHARS);
        expect(message.text).not.toMatch(/[<>]|&(?!(amp|lt|gt);)/);
        expect(message.text.split("\n").filter((line) => UNSAFE.test(line))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it("a webhook and a mail take it, each line on its own", () => {
    fc.assert(
      fc.property(hostileNotice, (given) => {
        const document = webhookDocument(given);
        expect(judge.webhook(document, true)).toMatchObject({ status: 204 });
        expect(texts(document).filter((text) => UNSAFE.test(text))).toEqual([]);
        const mail = emailOf(given);
        expect(mail.subject.length).toBeLessThanOrEqual(MAX_SUBJECT_CHARS);
        expect([mail.subject, ...mail.text.split("\n")].filter((l) => UNSAFE.test(l))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it("a check that takes text as it comes finds what is wrong with it", () => {
    const raw = "a\u001b[31m\r\nBcc: x\u202e";
    expect(UNSAFE.test(raw)).toBe(true);
    expect(UNSAFE.test(plainText(raw, 100))).toBe(false);
    const long = { ...pagerDutyEvent(notice(), KEY), dedup_key: "k".repeat(256) };
    expect(new PagerDuty(KEY).enqueue(long, 0)).toMatchObject({ ok: false });
  });
});

describe("PagerDuty", () => {
  it("a trigger says what, where, since when and what to do", () => {
    const links = [
      { href: "https://example.com/runbook", text: "Runbook" },
      { href: "http://example.com", text: "in the clear" },
    ];
    expect(pagerDutyEvent(notice(), KEY, links)).toEqual({
      routing_key: KEY,
      event_action: "trigger",
      dedup_key: "pixcanary:production:health",
      client: "pixcanary",
      payload: {
        summary: "production: error rate 10 %: over 3 % in each of 3 min",
        source: "pix-api",
        severity: "critical",
        timestamp: AT,
        component: "canary",
        group: "production",
        custom_details: {
          kind: "trigger",
          details: ["native 10 %", "proxy 0.2 %"],
          next: "pixcanary not-aus --env production",
        },
      },
      links: links.slice(0, 1),
    });
  });

  it("a reminder triggers the same key anew; an event pages nobody unless it is critical", () => {
    const action = (given: Partial<Notice>) => {
      const event = pagerDutyEvent(notice(given), KEY);
      return event && `${event.event_action} ${event.dedup_key} ${event.payload?.summary ?? "–"}`;
    };
    const { key } = notice();
    expect(action({ kind: "reminder" })).toMatch(`trigger ${key} production: still: error rate`);
    expect(action({ kind: "resolve" })).toBe(`resolve ${key} –`);
    expect(action({ kind: "event", severity: "warning" })).toBeNull();
    expect(action({ kind: "event" })).toMatch(`trigger ${key}`);
  });
});

test("the limits of PagerDuty are kept to the character", () => {
  const event = pagerDutyEvent(notice({ title: "t".repeat(5_000), key: "k".repeat(999) }), KEY);
  expect(event?.dedup_key).toHaveLength(255);
  expect(event?.payload?.summary.length).toBeLessThanOrEqual(1_024);
  expect(event?.payload?.summary).toMatch(/t…$/);
});

test("Slack's message is cut between its lines, and the command stands before what may be cut", () => {
  const details = Array.from({ length: 30 }, () => "&".repeat(390));
  const { text } = slackMessage(notice({ details }));
  const lines = text.split("\n");
  expect(lines[1]).toBe("→ next: pixcanary not-aus --env production");
  expect(lines.at(-1)).toBe(`• ${"&amp;".repeat(390)}`);
});

test("a command that is too long is left out, never cut", () => {
  const next = `pixcanary restore --reason ${"x".repeat(500)}`;
  expect(clean(notice({ next })).next).toBeNull();
  expect(clean(notice({ next: next.slice(0, 500) })).next).toHaveLength(500);
});

test("a key is of the environment and the topic, whatever the environment is called", () => {
  expect(noticeKey("production", "health")).toBe("pixcanary:production:health");
  expect(noticeKey("a b\n<c>", "stop")).toBe("pixcanary:a_b__c_:stop");
});

describe("of a journal entry", () => {
  const snapshot = (percent: number | null, emergency: boolean) => ({
    percent,
    emergency,
    revision: "01J",
  });
  const entry = (given: Partial<JournalEntry>) =>
    journalEntry({
      at: AT,
      actor: "oncall@laptop",
      host: "laptop",
      reason: "5xx spike",
      incident: "INC-42",
      before: snapshot(10, false),
      after: snapshot(0, true),
      revision: "01J",
      verification: { outcome: "live", locations: ["FRA", "AMS"], elapsed_ms: 100 },
      ...given,
    });
  const said = (given: Partial<JournalEntry>, released?: boolean) => {
    const { kind, key, severity, title } = noticeOfEntry("production", entry(given), { released });
    return `${kind} ${key} ${severity}: ${title}`;
  };
  const outcome = (of: JournalEntry["verification"]["outcome"]) => ({
    verification: { outcome: of, locations: [], elapsed_ms: 1 },
  });

  it("says who, why, and how it was proved", () => {
    const { details, next, source } = noticeOfEntry("production", entry({}));
    expect(details).toEqual([
      "by oncall@laptop",
      "reason: 5xx spike",
      "incident: INC-42",
      "seen live at FRA, AMS",
    ]);
    expect([next, source]).toEqual(["pixcanary status --env production", "laptop"]);
  });

  it("a stop opens, and claims no more than was seen", () => {
    const trigger = "trigger pixcanary:production:stop critical:";
    expect(said({})).toBe(`${trigger} NOT-AUS: all traffic is on proxy (the legacy origin)`);
    expect(said(outcome("unknown"))).toBe(
      `${trigger} NOT-AUS: sending all traffic to proxy (the legacy origin)`,
    );
  });

  it("only a release closes", () => {
    const command = "restore";
    const before = snapshot(0, true);
    const after = snapshot(10, false);
    const closed =
      "resolve pixcanary:production:stop info: stop released: 0 % → 10 % of new visitors to native";
    expect(said({ command, before, after })).toBe(closed);
    expect(said({ command, before, after: snapshot(10, true), ...outcome("stored") })).toBe(
      "event pixcanary:production:change warning: restore not finished: the stop is still in force",
    );
    expect(said({ command, before, after, ...outcome("unknown") })).toMatch(/^event /);
    expect(said({ command, before: snapshot(5, false), after })).toBe(
      "event pixcanary:production:change info: restore: 5 % → 10 % of new visitors to native",
    );
    expect(said({ command, before: snapshot(0, false), after }, true)).toBe(closed);
  });

  it("less traffic is an event", () => {
    const after = snapshot(5, false);
    expect(said({ command: "reduce", after })).toBe(
      "event pixcanary:production:change warning: reduce: 10 % → 5 % of new visitors to native",
    );
    expect(said({ command: "disable", before: null, after: snapshot(0, false) })).toBe(
      "event pixcanary:production:change warning: disable: unknown → 0 % of new visitors to native",
    );
  });
});
