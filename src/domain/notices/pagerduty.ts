/**
 * PagerDuty's Events API v2: developer.pagerduty.com/docs/events-api-v2-overview. A trigger with the
 * key of an open incident is added to it; with PagerDuty's dynamic notifications, a higher severity
 * then raises its urgency. Hence one key per topic, through all its levels.
 */
import type { Notice, NoticeSeverity } from "./notice.ts";
import { clean, headline, plainText } from "./notice.ts";
import type { NoticeRequest } from "./retry.ts";

export const PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue";
/** Of accounts in the EU service region. */
export const PAGERDUTY_EU_URL = "https://events.eu.pagerduty.com/v2/enqueue";

const MAX_SUMMARY_CHARS = 1_024;

export interface Link {
  href: string;
  text: string;
}

export interface PagerDutyEvent {
  routing_key: string;
  event_action: "trigger" | "resolve";
  dedup_key: string;
  client?: "pixcanary";
  payload?: {
    summary: string;
    source: string;
    severity: NoticeSeverity;
    timestamp?: string;
    component: "canary";
    group: string;
    custom_details: { kind: string; details: readonly string[]; next: string | null };
  };
  links?: Link[];
}

/** Null for what pages nobody: an event that is not critical. */
export function pagerDutyEvent(
  notice: Notice,
  routingKey: string,
  links: readonly Link[] = [],
): PagerDutyEvent | null {
  const safe = clean(notice);
  if (safe.kind === "event" && safe.severity !== "critical") return null;
  const base = { routing_key: routingKey, dedup_key: safe.key };
  if (safe.kind === "resolve") return { ...base, event_action: "resolve" };
  const secure = links.filter(({ href }) => href.startsWith("https://"));
  return {
    ...base,
    event_action: "trigger",
    client: "pixcanary",
    payload: {
      summary: plainText(headline(safe), MAX_SUMMARY_CHARS),
      source: safe.source,
      severity: safe.severity,
      ...(safe.at !== "" && { timestamp: safe.at }),
      component: "canary",
      group: safe.env,
      custom_details: { kind: safe.kind, details: safe.details, next: safe.next },
    },
    ...(secure.length > 0 && { links: secure }),
  };
}

export function pagerDutyRequest(
  notice: Notice,
  { url, routingKey, links }: { url: string; routingKey: string; links?: readonly Link[] },
): NoticeRequest | null {
  const event = pagerDutyEvent(notice, routingKey, links);
  return event === null ? null : { url, headers: {}, body: JSON.stringify(event) };
}
