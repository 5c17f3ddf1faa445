/** Tells people through every channel of this Worker, within a fixed time. Never throws. */
import { unlessAborted } from "../../src/domain/lib/abort.ts";
import { emailOf } from "../../src/domain/notices/email.ts";
import type { ChannelName, Notice, NoticeKind } from "../../src/domain/notices/notice.ts";
import { pagerDutyRequest } from "../../src/domain/notices/pagerduty.ts";
import type { Answer, NoticeRequest, Post, SendLimits } from "../../src/domain/notices/retry.ts";
import { postOnce, sendWithRetries } from "../../src/domain/notices/retry.ts";
import { slackRequest } from "../../src/domain/notices/slack.ts";
import { webhookRequest } from "../../src/domain/notices/webhook.ts";
import { sleep } from "../limit.ts";
import type { EmailBinding, NotifySettings } from "./settings.ts";

/** How one channel took one notice; fit for a log, as nothing in it is secret. */
export interface SendReport {
  channel: ChannelName;
  kind: NoticeKind;
  key: string;
  /** Taken, or none of this channel's business (`skipped`). */
  ok: boolean;
  skipped: boolean;
  tries: number;
  problem: string | null;
}

export interface Notifier {
  /** None: nobody is told. */
  readonly channels: readonly ChannelName[];
  /** Channels at once, the notices of each in their order. */
  send(notices: readonly Notice[]): Promise<SendReport[]>;
}

export interface NotifierDeps {
  /** In [0, 1); for the jitter. */
  random(): number;
  /** The Worker's `send_email` binding. */
  email?: EmailBinding | undefined;
  /** For tests. */
  limits?: SendLimits;
  totalMs?: number;
}

/** Of all notices together: a cron run has other things to do. */
const TOTAL_MS = 10_000;
const LIMITS: SendLimits = { tries: 2, tryMs: 4_000, firstDelayMs: 1_000, maxDelayMs: 2_000 };

/** One attempt to send one notice; null for a notice that is none of this channel's business. */
type Attempt = ((signal: AbortSignal) => Promise<Answer>) | null;
type Channel = { name: ChannelName; attempt(notice: Notice): Attempt };

export function createNotifier(settings: NotifySettings, deps: NotifierDeps): Notifier {
  const channels = channelsOf(settings, deps);
  return {
    channels: channels.map(({ name }) => name),
    async send(notices) {
      const signal = AbortSignal.timeout(deps.totalMs ?? TOTAL_MS);
      const reports = await Promise.all(
        channels.map(async (channel) => {
          const own: SendReport[] = [];
          for (const notice of notices) own.push(await sendOne(channel, notice, deps, signal));
          return own;
        }),
      );
      return reports.flat();
    },
  };
}

async function sendOne(
  { name: channel, attempt }: Channel,
  notice: Notice,
  { random, limits }: NotifierDeps,
  signal: AbortSignal,
): Promise<SendReport> {
  const report = { channel, kind: notice.kind, key: notice.key };
  try {
    const post = attempt(notice);
    if (post === null) return { ...report, ok: true, skipped: true, tries: 0, problem: null };
    if (signal.aborted) {
      return {
        ...report,
        ok: false,
        skipped: false,
        tries: 0,
        problem: "not sent: time limit reached",
      };
    }
    const sending = { post, sleep, random, timeout: (ms: number) => AbortSignal.timeout(ms) };
    const { tries, problem } = await sendWithRetries(sending, limits ?? LIMITS, signal);
    return { ...report, ok: problem === null, skipped: false, tries, problem };
  } catch {
    // A bug of ours in one channel must not silence the others.
    return { ...report, ok: false, skipped: false, tries: 0, problem: "internal error" };
  }
}

function channelsOf(
  { pagerduty, slack, webhook, email }: NotifySettings,
  deps: NotifierDeps,
): Channel[] {
  const posted = (name: ChannelName, request: (notice: Notice) => NoticeRequest | null) => ({
    name,
    attempt(notice: Notice): Attempt {
      const made = request(notice);
      if (made === null) return null;
      return (signal) => postOnce(byFetch, made, signal, () => "no connection");
    },
  });
  const mailed = ({ from, to }: NonNullable<typeof email>, binding: EmailBinding) => ({
    name: "email" as const,
    attempt:
      (notice: Notice): Attempt =>
      (signal) =>
        mail(notice, { from, to }, binding, signal),
  });
  return [
    ...(pagerduty === null ? [] : [posted("pagerduty", (n) => pagerDutyRequest(n, pagerduty))]),
    ...(slack === null ? [] : [posted("slack", (n) => slackRequest(n, slack))]),
    ...(webhook === null ? [] : [posted("webhook", (n) => webhookRequest(n, webhook))]),
    ...(email === null || deps.email === undefined ? [] : [mailed(email, deps.email)]),
  ];
}

const byFetch: Post = async ({ url, headers, body }, signal) => {
  const answer = await fetch(url, { method: "POST", redirect: "manual", signal, headers, body });
  await answer.body?.cancel().catch(() => undefined);
  return { status: answer.status, retryAfter: answer.headers.get("retry-after") };
};

/** Of the binding's codes, those that may pass: developers.cloudflare.com/email-service */
const PASSING_CODES = new Set([
  "E_RATE_LIMIT_EXCEEDED",
  "E_INTERNAL_SERVER_ERROR",
  "E_DELIVERY_FAILED",
]);

/** The binding takes no signal: after its time it goes on unheard. */
async function mail(
  notice: Notice,
  { from, to }: NonNullable<NotifySettings["email"]>,
  binding: EmailBinding,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    const sending = binding.send({ from, to: [...to], ...emailOf(notice) });
    await unlessAborted(sending, signal, () => signal.throwIfAborted());
    return { status: 202, retryAfterMs: null };
  } catch (error) {
    const { code } = Object(error) as { code?: unknown };
    if (typeof code !== "string" || !/^E_[A-Z_]{1,60}$/.test(code)) {
      return { status: null, why: signal.aborted ? "no answer in time" : "the binding failed" };
    }
    return { status: null, why: `refused (${code})`, final: !PASSING_CODES.has(code) };
  }
}
