/**
 * When there is something to say: one notice per change of state, and at most one reminder per 15 min
 * while it lasts (DESIGN §4, AT-30). Pure: what was said before goes in, what has been said comes out.
 */
import type { Recommendation } from "../policy/rule.ts";
import { RECOMMENDATIONS } from "../policy/rule.ts";
import type { Notice, NoticeKind, NoticeSeverity, NoticeTopic } from "./notice.ts";
import { noticeKey } from "./notice.ts";

export const REMINDER_MS = 15 * 60_000;

/** How it is now, as the policy sees it. */
export interface Condition {
  level: Recommendation;
  /** One line. */
  title: string;
  details: readonly string[];
}

/** What was said last, to be kept between two looks; null when nothing is open. */
export interface Told {
  schema: 1;
  level: Exclude<Recommendation, "none">;
  /** RFC 3339: when this level was said first. */
  since: string;
  /** RFC 3339: when anything was said last. */
  sent: string;
}

/** The part of a notice that the change decides; `noticeOf` adds who and where. */
export interface Said {
  kind: Exclude<NoticeKind, "event">;
  severity: NoticeSeverity;
  title: string;
  details: readonly string[];
}

export interface NextNotice {
  told: Told | null;
  notice: Said | null;
}

/**
 * Going up, going down and back to none are changes of state; another title at the same level is none.
 * A record from a future that is further away than a reminder (a clock was set) holds nothing back.
 */
export function nextNotice(before: Told | null, now: Condition, nowMs: number): NextNotice {
  const at = new Date(nowMs).toISOString();
  const { level } = now;
  if (level === "none") {
    return before === null
      ? { told: null, notice: null }
      : { told: null, notice: said("resolve", now) };
  }
  if (before === null || before.level !== level) {
    return {
      told: { schema: 1, level, since: at, sent: at },
      notice: said("trigger", now),
    };
  }
  const sinceSaidMs = Math.abs(nowMs - Date.parse(before.sent));
  // Written so that a time that cannot be read counts as long ago.
  if (sinceSaidMs < REMINDER_MS) return { told: before, notice: null };
  return { told: { ...before, sent: at }, notice: said("reminder", now) };
}

/**
 * What to keep after sending. When no channel took the notice it has not been said: the next look says
 * it anew, as a page that is lost must not be lost for 15 min.
 */
export function toldAfter(before: Told | null, next: NextNotice, delivered: boolean): Told | null {
  return next.notice === null || delivered ? next.told : before;
}

/** Null for anything but a record of ours: then what lasts is said anew. */
export function parseTold(text: string | null): Told | null {
  if (text === null || text.length > 1_000) return null;
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return null;
  }
  const { schema, level, since, sent } = Object(raw) as Record<string, unknown>;
  const known = RECOMMENDATIONS.find((one) => one === level);
  if (schema !== 1 || known === undefined || known === "none") return null;
  if (typeof since !== "string" || typeof sent !== "string") return null;
  return { schema: 1, level: known, since, sent };
}

export interface Where {
  env: string;
  topic: NoticeTopic;
  next: string | null;
  nowMs: number;
  source: string;
}

export function noticeOf(said: Said, { env, topic, next, nowMs, source }: Where): Notice {
  const at = new Date(nowMs).toISOString();
  return { ...said, key: noticeKey(env, topic), env, next, at, source };
}

function said(kind: Said["kind"], { level, title, details }: Condition): Said {
  return { kind, severity: severityOf(level), title, details };
}

function severityOf(level: Recommendation): NoticeSeverity {
  if (level === "none") return "info";
  return level === "not-aus" ? "critical" : "warning";
}
