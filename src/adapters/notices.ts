/** Tells people through PagerDuty, Slack and webhooks. Never throws: a notice that is lost is a warning. */
import type { NotifyConfig } from "../domain/config/notify.ts";
import { configuredChannels } from "../domain/config/notify.ts";
import { isSafeUrl } from "../domain/config/safe-url.ts";
import type { ChannelName, Notice } from "../domain/notices/notice.ts";
import type { Link } from "../domain/notices/pagerduty.ts";
import { PAGERDUTY_URL, pagerDutyRequest } from "../domain/notices/pagerduty.ts";
import type { NoticeRequest, Post, SendLimits } from "../domain/notices/retry.ts";
import { postOnce, sendWithRetries } from "../domain/notices/retry.ts";
import { slackRequest } from "../domain/notices/slack.ts";
import { webhookRequest } from "../domain/notices/webhook.ts";
import type { CallOptions } from "../ports/api.ts";
import type { Clock, NoticeReport, Notifier } from "../ports/machine.ts";
import { pathOf, send } from "./http.ts";
import type { Redact } from "./redact.ts";
import type { Secret, SecretName } from "./secrets.ts";
import { SecretError } from "./secrets.ts";
import { networkWords } from "./transport.ts";

/** Within the two seconds that a command gives it: one lost answer, and one more try. */
const LIMITS: SendLimits = { tries: 2, tryMs: 1_200, firstDelayMs: 200, maxDelayMs: 500 };

export interface NotifierOptions {
  /** As configured for the environment. */
  config: NotifyConfig | undefined;
  /** Called when the first notice is sent, never before. Throws SecretError. */
  loadSecret(name: SecretName, configured: string | undefined): Promise<Secret | null>;
  /** Of what is known by then: also the text of a notice must hold no secret. */
  redact: Redact;
  clock: Pick<Clock, "sleep" | "timeout">;
  /** In [0, 1); for the jitter. */
  random: () => number;
  /** Where to read on; attached to what pages. */
  links?: readonly Link[];
  version: string;
  limits?: SendLimits;
}

export function createNotifier(options: NotifierOptions): Notifier {
  const channels = configuredChannels(options.config);
  const report: Notifier["report"] = (notice, call) => {
    const safe = redacted(notice, options.redact);
    const asked = channels.filter((channel) => call.channels?.includes(channel) !== false);
    return Promise.all(asked.map((channel) => tell(channel, safe, options, call)));
  };
  return {
    channels,
    async unready(notice) {
      const made = channels.map((channel) =>
        REQUESTS[channel](notice, options).then(
          () => [],
          (error: unknown) => [unmade(channel, error, options.redact)],
        ),
      );
      return (await Promise.all(made)).flat();
    },
    report,
    async notify(notice, call) {
      const reports = await report(notice, call);
      return reports.flatMap(({ channel, problem }) =>
        problem === null ? [] : [`notification through ${channel} failed: ${problem}`],
      );
    },
  };
}

async function tell(
  channel: ChannelName,
  notice: Notice,
  options: NotifierOptions,
  { signal }: CallOptions,
): Promise<NoticeReport> {
  try {
    const request = await REQUESTS[channel](notice, options);
    if (request === null) return { channel, problem: null, fix: null, again: false, skipped: true };
    const headers = { "user-agent": `pixcanary/${options.version}`, ...request.headers };
    const signed = { ...request, headers };
    const sending = {
      post: (limit: AbortSignal) =>
        postOnce(byNode, signed, limit, (error) => networkWords(error, options.redact)),
      sleep: options.clock.sleep,
      timeout: options.clock.timeout,
      random: options.random,
    };
    const sent = await sendWithRetries(sending, options.limits ?? LIMITS, signal);
    const { problem, status } = sent;
    if (problem === null) return { channel, problem, fix: null, again: false };
    const again = status === null || status === 429 || status >= 500;
    return { channel, problem, fix: fixOf(channel, status), again };
  } catch (error) {
    return unmade(channel, error, options.redact);
  }
}

function unmade(channel: ChannelName, error: unknown, redact: Redact): NoticeReport {
  const known = error instanceof SecretError;
  const why = error instanceof Error ? error.message : String(error);
  const fix = known ? redact(error.hint) : `check notify.${channel} in pixcanary.json`;
  return { channel, problem: redact(why), fix, again: false };
}

const byNode: Post = async ({ url, headers, body }, signal) => {
  const at = new URL(url);
  const answer = await send({ method: "POST", at, path: pathOf(at), headers, body, signal });
  answer.body.destroy();
  return { status: answer.status, retryAfter: answer.header("retry-after") };
};

type MakeRequest = (notice: Notice, options: NotifierOptions) => Promise<NoticeRequest | null>;

/** Throws SecretError for a secret that is missing or cannot be used. */
const REQUESTS: Readonly<Record<ChannelName, MakeRequest>> = {
  async pagerduty(notice, { config, loadSecret, links = [] }) {
    const { routingKeyFile, apiUrl } = config?.pagerduty ?? {};
    const name = "PIXCANARY_PAGERDUTY_KEY";
    const key = needed(name, await loadSecret(name, routingKeyFile), "pagerduty.routingKeyFile");
    const url = apiUrl ?? PAGERDUTY_URL;
    return pagerDutyRequest(notice, { url, routingKey: key.reveal(), links });
  },
  async slack(notice, { config, loadSecret }) {
    const name = "PIXCANARY_SLACK_WEBHOOK";
    const found = await loadSecret(name, config?.slack?.webhookFile);
    const webhook = needed(name, found, "slack.webhookFile");
    if (!isSafeUrl(webhook.reveal())) {
      const message = `the ${name} from ${webhook.source} is not an https:// address`;
      throw new SecretError(message, "copy the webhook's URL from the Slack app's settings");
    }
    return slackRequest(notice, { url: webhook.reveal() });
  },
  async webhook(notice, { config, loadSecret }) {
    const { url = "", tokenFile } = config?.webhook ?? {};
    const token = await loadSecret("PIXCANARY_WEBHOOK_TOKEN", tokenFile);
    return webhookRequest(notice, { url, token: token?.reveal() ?? null });
  },
  async email() {
    throw new Error("only the Worker sends e-mail");
  },
};

function needed(name: SecretName, secret: Secret | null, setting: string): Secret {
  if (secret !== null) return secret;
  const hint = `export ${name}=…, or set notify.${setting} in pixcanary.json`;
  throw new SecretError(`${name} is not set`, hint);
}

function fixOf(channel: ChannelName, status: number | null): string {
  if (status === null || status === 429 || status >= 500) {
    return `check that this machine can reach ${channel}, then run doctor --notify again`;
  }
  switch (channel) {
    case "pagerduty":
      return "check the routing key: that of an Events API v2 integration, 32 characters";
    case "slack":
      return "the webhook may be revoked or its channel archived: create a new one";
    default:
      return `check notify.${channel} in pixcanary.json, and its token`;
  }
}

function redacted(notice: Notice, redact: Redact): Notice {
  const { title, details, next } = notice;
  return {
    ...notice,
    title: redact(title),
    details: details.map(redact),
    next: next === null ? null : redact(next),
  };
}
