/**
 * What people are told when something changes, whoever notices it (the Worker's guardian, the CLI) and
 * whichever channel carries it. Text in a notice may come from outside: channels take it from `clean`.
 */

/** `trigger` opens, `resolve` closes, `reminder` repeats what is open, `event` informs once. */
export type NoticeKind = "trigger" | "resolve" | "reminder" | "event";

export type NoticeSeverity = "critical" | "warning" | "info";

/** What a notice is about; each topic is open or closed for itself. `change` is never open. */
export type NoticeTopic = "health" | "stop" | "ramp" | "guardian" | "keys" | "change" | "test";

export type ChannelName = "pagerduty" | "slack" | "webhook" | "email";

export interface Notice {
  kind: NoticeKind;
  /** The same for all notices of one topic, e.g. `pixcanary:production:health`. */
  key: string;
  /** The environment's name; channels show it in front of the title. */
  env: string;
  severity: NoticeSeverity;
  /** One line. */
  title: string;
  /** Short plain lines. */
  details: readonly string[];
  /** The command to type; null when there is none. */
  next: string | null;
  /** RFC 3339. */
  at: string;
  /** The Worker or the host that noticed. */
  source: string;
}

/** PagerDuty's limit for a dedup key, the shortest of those that keys have. */
const MAX_KEY_CHARS = 255;

const LIMITS = { env: 64, title: 300, detail: 400, details: 30, next: 500, source: 100 } as const;

export function noticeKey(env: string, topic: NoticeTopic): string {
  return `pixcanary:${env.replace(/[^A-Za-z0-9_.-]/g, "_").slice(0, LIMITS.env)}:${topic}`;
}

/**
 * Text from outside on one line: control, format and bidirectional characters become blanks, and what
 * is longer than `maxChars` (UTF-16 units, the shortest measure that services use) is cut.
 */
export function plainText(text: string, maxChars: number): string {
  const line = text.replace(/[\p{C}\p{Z}]+/gu, " ").trim();
  if (line.length <= maxChars) return line;
  // A pair of surrogates is not torn apart.
  return `${line.slice(0, maxChars - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** Safe to hand to a service. A command that is too long is left out: half a command is another one. */
export function clean(notice: Notice): Notice {
  const next = plainText(notice.next ?? "", LIMITS.next + 1);
  const details = notice.details.map((line) => plainText(line, LIMITS.detail));
  return {
    kind: notice.kind,
    key: plainText(notice.key, MAX_KEY_CHARS),
    env: plainText(notice.env, LIMITS.env),
    severity: notice.severity,
    title: plainText(notice.title, LIMITS.title) || notice.kind,
    details: details.filter((line) => line !== "").slice(0, LIMITS.details),
    next: next === "" || next.length > LIMITS.next ? null : next,
    at: Number.isNaN(Date.parse(notice.at)) ? "" : notice.at,
    source: plainText(notice.source, LIMITS.source) || "pixcanary",
  };
}

const MARKS: Readonly<Record<NoticeKind, string>> = {
  trigger: "",
  resolve: "resolved: ",
  reminder: "still: ",
  event: "",
};

/** "production: still: error rate …": for whatever shows one line. Of a clean notice. */
export function headline({ env, kind, title }: Notice): string {
  return `${env}: ${MARKS[kind]}${title}`;
}
