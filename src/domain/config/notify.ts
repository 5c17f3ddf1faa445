/** `notify` in `pixcanary.json`: whom the CLI tells of a change. Secrets stand in files of their own. */
import * as z from "zod";
import { once } from "../lib/lazy.ts";
import type { ChannelName } from "../notices/notice.ts";
import { PAGERDUTY_EU_URL, PAGERDUTY_URL } from "../notices/pagerduty.ts";
import { isLoopback, isSafeUrl, parseUrl } from "./safe-url.ts";
import { path } from "./text.ts";

const channels = once(() => ({
  pagerduty: z.strictObject({
    routingKeyFile: path.optional(),
    apiUrl: z
      .string()
      .max(500)
      .refine(
        isPagerDutyUrl,
        `must be ${PAGERDUTY_URL}, that of the EU, or http:// on loopback (for the sandbox)`,
      )
      .optional(),
  }),
  slack: z.strictObject({ webhookFile: path.optional() }),
  webhook: z.strictObject({
    url: z
      .string()
      .max(2_000)
      .refine(isSafeUrl, "must be an https:// URL (http:// only on loopback), without user or #"),
    tokenFile: path.optional(),
  }),
}));

/** Made at its first use: a stop that tells nobody does without it. */
export const notifySchema = once(() => {
  const { pagerduty, slack, webhook } = channels();
  return z.strictObject({
    pagerduty: pagerduty.optional(),
    slack: slack.optional(),
    webhook: webhook.optional(),
  });
});

/** A mistake in one channel must not silence the others. */
export const notifyForReliefSchema = once(() => {
  const { pagerduty, slack, webhook } = channels();
  return z.object({
    pagerduty: pagerduty.optional().catch(undefined),
    slack: slack.optional().catch(undefined),
    webhook: webhook.optional().catch(undefined),
  });
});

export type NotifyConfig = z.output<ReturnType<typeof notifySchema>>;

/** For the "did you mean" of unknown settings. */
export const NOTIFY_KEYS: Readonly<Record<string, readonly string[]>> = {
  pagerduty: ["routingKeyFile", "apiUrl"],
  slack: ["webhookFile"],
  webhook: ["url", "tokenFile"],
};

/** In the order in which they are shown. */
export function configuredChannels(config: NotifyConfig | undefined): ChannelName[] {
  const all = ["pagerduty", "slack", "webhook"] as const;
  return all.filter((name) => config?.[name] !== undefined);
}

/** The routing key goes there. */
function isPagerDutyUrl(text: string): boolean {
  if (text === PAGERDUTY_URL || text === PAGERDUTY_EU_URL) return true;
  const url = parseUrl(text);
  return url !== null && url.protocol === "http:" && isLoopback(url.hostname);
}
