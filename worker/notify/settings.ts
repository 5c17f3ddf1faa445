/** Which channels this Worker may tell people through, from its vars and secrets. */

import { isSafeUrl } from "../../src/domain/config/safe-url.ts";
import { PAGERDUTY_URL } from "../../src/domain/notices/pagerduty.ts";

/** All optional; a channel without its secret is not configured. */
export interface NotifyBindings {
  PAGERDUTY_ROUTING_KEY?: string;
  /** In place of the official address: https (the EU region has its own), or http on loopback. */
  PAGERDUTY_URL?: string;
  /** The address itself is the secret. */
  SLACK_WEBHOOK_URL?: string;
  NOTIFY_WEBHOOK_URL?: string;
  NOTIFY_WEBHOOK_TOKEN?: string;
  NOTIFY_EMAIL_FROM?: string;
  /** Several, separated by commas. */
  NOTIFY_EMAIL_TO?: string;
  /** The environment's name in pixcanary.json, where that is not ENVIRONMENT: keys must be the same. */
  NOTIFY_ENV?: string;
  /** Whom to call, as `doctor --notify` prints it: parts with " · " between them. */
  NOTIFY_CONTACTS?: string;
}

export interface NotifySettings {
  env: string;
  contacts: readonly string[];
  pagerduty: { url: string; routingKey: string } | null;
  slack: { url: string } | null;
  webhook: { url: string; token: string | null } | null;
  email: { from: string; to: readonly string[] } | null;
}

/** What is used of a `send_email` binding. */
export interface EmailBinding {
  send(message: { from: string; to: string[]; subject: string; text: string }): Promise<unknown>;
}

/** Cloudflare takes no more recipients at once. */
const MAX_RECIPIENTS = 50;

/** Never throws. What is wrong with a channel leaves it out, and is a problem that holds no secret. */
export function parseNotify(
  env: NotifyBindings & { ENVIRONMENT?: string; NOTIFY_EMAIL?: EmailBinding },
): NotifySettings & { problems: string[] } {
  const problems: string[] = [];
  const keep = <T>(channel: T | null | string): T | null => {
    if (typeof channel !== "string") return channel;
    problems.push(`${channel}: channel not used`);
    return null;
  };
  return {
    env: env.NOTIFY_ENV || env.ENVIRONMENT || "production",
    contacts: (env.NOTIFY_CONTACTS ?? "").split(" · ").filter((part) => part.trim() !== ""),
    pagerduty: keep(parsePagerDuty(env)),
    slack: keep(parseSlack(env)),
    webhook: keep(parseWebhook(env)),
    email: keep(parseEmail(env)),
    problems,
  };
}

function parsePagerDuty(env: NotifyBindings): NotifySettings["pagerduty"] | string {
  const routingKey = (env.PAGERDUTY_ROUTING_KEY ?? "").trim();
  if (routingKey === "") return null;
  const url = env.PAGERDUTY_URL || PAGERDUTY_URL;
  if (!isSafeUrl(url)) return "PAGERDUTY_URL is neither https nor on loopback";
  return { url, routingKey };
}

function parseSlack(env: NotifyBindings): NotifySettings["slack"] | string {
  const url = (env.SLACK_WEBHOOK_URL ?? "").trim();
  if (url === "") return null;
  return isSafeUrl(url) ? { url } : "SLACK_WEBHOOK_URL is neither https nor on loopback";
}

function parseWebhook(env: NotifyBindings): NotifySettings["webhook"] | string {
  const url = (env.NOTIFY_WEBHOOK_URL ?? "").trim();
  if (url === "") return null;
  if (!isSafeUrl(url)) return "NOTIFY_WEBHOOK_URL is neither https nor on loopback";
  const token = (env.NOTIFY_WEBHOOK_TOKEN ?? "").trim();
  if (!/^[\x21-\x7e]*$/.test(token)) return "NOTIFY_WEBHOOK_TOKEN is not fit for a header";
  return { url, token: token === "" ? null : token };
}

function parseEmail(
  env: NotifyBindings & { NOTIFY_EMAIL?: EmailBinding },
): NotifySettings["email"] | string {
  const from = (env.NOTIFY_EMAIL_FROM ?? "").trim();
  const to = (env.NOTIFY_EMAIL_TO ?? "").split(",").map((one) => one.trim());
  const recipients = to.filter((one) => one !== "");
  if (env.NOTIFY_EMAIL === undefined && from === "" && recipients.length === 0) return null;
  if (env.NOTIFY_EMAIL === undefined) return "NOTIFY_EMAIL is not bound";
  if (!isAddress(from)) return "NOTIFY_EMAIL_FROM is not an e-mail address";
  if (recipients.length === 0 || recipients.length > MAX_RECIPIENTS || !recipients.every(isAddress))
    return "NOTIFY_EMAIL_TO is not a list of e-mail addresses";
  return { from, to: recipients };
}

/** Enough to catch a swapped var; whether it exists is for the mail service to know. */
function isAddress(text: string): boolean {
  return text.length <= 254 && /^[^\s@<>,;"]+@[^\s@<>,;"]+\.[^\s@<>,;"]+$/.test(text);
}
