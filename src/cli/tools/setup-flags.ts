/** What may be said to `setup` on the command line; it takes the rest from files, or asks. */
import * as z from "zod";
import { flag, parsed } from "../../commands/flag.ts";
import { settingSchemas as settings } from "../../domain/config/environment.ts";

const path = z.string().min(1).optional();

export const input = z.object({
  account: flag(
    "--account <id>",
    "account id (or CLOUDFLARE_ACCOUNT_ID)",
    settings.accountId.optional(),
  ),
  worker: flag(
    "--worker <name>",
    "the Worker's name (that of wrangler's file)",
    settings.worker.optional(),
  ),
  qaUrl: flag(
    "--qa-url <urls>",
    "the /qa URLs that prove a change, with commas between them",
    parsed(qaUrlsOf, "must be https:// URLs, with commas between them").optional(),
  ),
  tag: flag("--tag <tag>", "the canary's tag (B2a)", settings.canaryTag.optional()),
  dataset: flag("--dataset <name>", "Analytics Engine dataset (canary_requests)", settings.dataset),
  mediaBucket: flag(
    "--media-bucket <name>",
    "bucket for uploads (piximmo-media)",
    settings.mediaBucket,
  ),
  logsBucket: flag("--logs-bucket <name>", "bucket for logs (logs-canary)", settings.logsBucket),
  wrangler: flag(
    "--wrangler <path>",
    "wrangler's file (worker/wrangler.jsonc, or in this folder)",
    path,
  ),
  secretsDir: flag(
    "--secrets-dir <dir>",
    "folder for the Worker's secrets (~/.config/pixcanary/<env>)",
    path,
  ),
  r2KeyFile: flag(
    "--r2-key-file <path>",
    "R2 key of Logpush, <id>:<secret>: a 0600 file, or - (or PIXCANARY_R2_KEY)",
    path,
  ),
  pagerdutyKeyFile: flag("--pagerduty-key-file <path>", "routing key: a 0600 file", path),
  slackWebhookFile: flag("--slack-webhook-file <path>", "incoming webhook: a 0600 file", path),
});
export type SetupInput = z.output<typeof input>;

function qaUrlsOf(text: string): string[] | null {
  const urls = text.split(",").map((url) => url.trim());
  return settings.qaUrls.safeParse(urls).success ? urls : null;
}
