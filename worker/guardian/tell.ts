/** What a tick remembers, and whom it tells: one notice per change of what is wrong. */

import type { GuardianDocument } from "../../src/domain/guardian/document.ts";
import type { NextNotice, Told } from "../../src/domain/notices/changes.ts";
import { nextNotice, noticeOf, parseTold, toldAfter } from "../../src/domain/notices/changes.ts";
import type { Notice, NoticeTopic } from "../../src/domain/notices/notice.ts";
import { noticeKey } from "../../src/domain/notices/notice.ts";
import type { Assessment } from "../../src/domain/policy/finding.ts";
import { sentence } from "../../src/domain/policy/finding-text.ts";
import { beforeStop } from "../../src/domain/situation/figures.ts";
import { NOT_ASKED } from "../../src/domain/situation/known.ts";
import { situationOf } from "../../src/domain/situation/situation.ts";
import { isoSeconds } from "../../src/domain/text/format.ts";
import type { Settings } from "../env.ts";
import { createNotifier } from "../notify/notifier.ts";
import type { Tick, TickGiven } from "./given.ts";
import { writeGuardian } from "./kv.ts";

/** Of one topic: what was told before, what there is to tell now. */
interface Topic {
  before: Told | null;
  next: NextNotice;
}

/** Never rejects. */
export async function rememberAndTell(run: Tick, assessment: Assessment): Promise<void> {
  const health = healthTopic(run, assessment);
  const odd = oddTopic(run);
  const env = run.settings.notify.env;
  const notices = [
    ...run.notices,
    ...noticesOf(run, health, "health", commandFor(run, assessment)),
    ...noticesOf(run, odd, "keys", `pixcanary status --env ${env}`),
  ];
  for (const line of run.odd) warn(`in KV, ${line}`);
  // The latch is kept before anybody is told: a pager that hangs must not take it away.
  const known = { told: textOf(health.before), told_odd: textOf(odd.before) };
  await remember(run, assessment, known);
  if (notices.length === 0) return;
  const delivered = await send(run, notices);
  const after = (topic: Topic) => textOf(toldAfter(topic.before, topic.next, delivered));
  const said = { told: after(health), told_odd: after(odd) };
  if (said.told === known.told && said.told_odd === known.told_odd) return;
  await remember(run, assessment, said);
}

async function remember(
  run: Tick,
  { verdict }: Assessment,
  said: Pick<GuardianDocument, "told" | "told_odd">,
): Promise<void> {
  const { settings, kv, tickMs, latched, since } = run;
  const { mode } = settings.guardian;
  const last_tick = new Date(tickMs).toISOString();
  const document: GuardianDocument = {
    schema: 1,
    mode,
    last_tick,
    latched,
    verdict,
    since,
    ...said,
  };
  await writeGuardian(kv, JSON.stringify(document)).catch((error: unknown) =>
    warn(`guardian: ${String(error)}`),
  );
}

/** Whether any channel has taken them, or there is none. */
async function send(
  { settings, random, env }: TickGiven,
  notices: readonly Notice[],
): Promise<boolean> {
  const notifier = createNotifier(settings.notify, { random, email: env.NOTIFY_EMAIL });
  const reports = await notifier.send(notices);
  for (const { ok, channel, problem } of reports)
    if (!ok) warn(`notification through ${channel} failed: ${problem}`);
  return reports.length === 0 || reports.some(({ ok }) => ok);
}

/** No data is not good news: only a pass closes what is open. */
function healthTopic(
  { guardian, tickMs, settings, state }: Tick,
  { verdict, recommendation, problems }: Assessment,
): Topic {
  const before = parseTold(guardian?.told ?? null);
  if (recommendation === "none" && verdict !== "pass") {
    return { before, next: { told: before, notice: null } };
  }
  const [first, ...others] = problems;
  const title =
    first === undefined ? "no finding fails" : `${beforeStop(first, state)}${sentence(first)}`;
  const details = [...others.map(sentence), `guardian: ${settings.guardian.mode}`];
  return { before, next: nextNotice(before, { level: recommendation, title, details }, tickMs) };
}

/** What cannot be read takes its safe side, and would go unnoticed. */
function oddTopic({ guardian, odd, tickMs }: Tick): Topic {
  const before = parseTold(guardian?.told_odd ?? null);
  const [first, ...details] = odd;
  const level = first === undefined ? "none" : "notify";
  const title = first === undefined ? "all keys in KV can be read again" : `in KV: ${first}`;
  return { before, next: nextNotice(before, { level, title, details }, tickMs) };
}

function noticesOf(
  run: Tick,
  { next: { notice } }: Topic,
  topic: NoticeTopic,
  next: string,
): Notice[] {
  if (notice === null) return [];
  const { settings, tickMs: nowMs } = run;
  const { env, contacts } = settings.notify;
  const named = notice.severity === "info" ? [] : contacts;
  const said = { ...notice, details: [...notice.details, ...named] };
  return [noticeOf(said, { env, topic, nowMs, source: hostOf(run), next })];
}

function textOf(told: Told | null): string | null {
  return told === null ? null : JSON.stringify(told);
}

/** What works in the state that is, and not what would have before a stop. */
function commandFor({ state, tickMs, settings }: Tick, assessment: Assessment): string {
  const { env } = settings.notify;
  const figures = { assessment, normal: false };
  const known = { ...NOT_ASKED, nowMs: tickMs, state, figures, hasMetrics: true, onCall: null };
  const { next } = situationOf(known);
  const words = next.kind === "command" && next.words !== "watch" ? next.words : "status";
  return `pixcanary ${words} --env ${env}`;
}

/** Writes nothing: a run that was on time may have written since. */
export async function tellLate(given: TickGiven): Promise<void> {
  const { settings, tickMs, now } = given;
  const title = `guardian run of ${isoSeconds(tickMs)} was late and did nothing`;
  warn(title);
  const { env } = settings.notify;
  await send(given, [
    {
      kind: "event",
      key: noticeKey(env, "guardian"),
      env,
      severity: "warning",
      title,
      details: [],
      next: `pixcanary status --env ${env}`,
      at: new Date(now()).toISOString(),
      source: hostOf(given),
    },
  ]);
}

export function hostOf({ settings }: { settings: Settings }): string {
  return `worker ${settings.workerVersion ?? "unknown"}`;
}

export function warn(text: string): void {
  console.warn(JSON.stringify({ level: "WARN", guardian: text.slice(0, 500) }));
}
