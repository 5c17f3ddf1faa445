/** How the receivers of notices belong to a sandbox. */
import type { Closers } from "../closers.ts";
import { ENVIRONMENT_NAME } from "../types.ts";
import type { NoticeReceivers } from "./receivers.ts";

export type NoticeUrls = NoticeReceivers["urls"];

/** Null when there are to be none. */
export async function startNotices(
  receivers: NoticeReceivers,
  wanted: boolean,
  closers: Closers,
): Promise<NoticeUrls | null> {
  if (!wanted) return null;
  await receivers.start();
  closers.add(() => receivers.close());
  return receivers.urls;
}

/** Vars and secrets by which the Workers tell them. */
export function notifyVars(
  urls: NoticeUrls | null,
  { secrets }: NoticeReceivers,
): Record<string, string> {
  if (urls === null) return {};
  return {
    NOTIFY_ENV: ENVIRONMENT_NAME,
    PAGERDUTY_URL: urls.pagerduty,
    PAGERDUTY_ROUTING_KEY: secrets.routingKey,
    SLACK_WEBHOOK_URL: urls.slack,
    NOTIFY_WEBHOOK_URL: urls.webhook,
    NOTIFY_WEBHOOK_TOKEN: secrets.webhookToken,
    NOTIFY_EMAIL_FROM: "canary@sandbox.example",
    NOTIFY_EMAIL_TO: "oncall@sandbox.example",
  };
}
