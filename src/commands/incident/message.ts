/** The team's messages about an incident, with the numbers of now: printed, or sent through a channel. */
import * as z from "zod";
import { impactOf } from "../../domain/incident/impact.ts";
import { changesIn, endOf, type Incident, spanOf } from "../../domain/incident/incident.ts";
import {
  MESSAGE_KINDS,
  type MessageFacts,
  type MessageKind,
  messageLines,
  type Trend,
} from "../../domain/incident/messages.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { type CohortRow, requestsByCohort } from "../../domain/metrics/queries.ts";
import { visitorsByCohort } from "../../domain/metrics/window-queries.ts";
import { type ChannelName, type Notice, noticeKey } from "../../domain/notices/notice.ts";
import type { Observed } from "../../domain/policy/observations.ts";
import { lastBuckets } from "../../domain/policy/observations.ts";
import { mapStrings } from "../../domain/text/escape.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Given, Outcome, ReadingVerb } from "../command.ts";
import { flag, oneOf, onOff, textUpTo } from "../flag.ts";
import { askOf } from "../lib/ask-metrics.ts";
import { invocation } from "../lib/format.ts";
import { eventNow, recordEntry } from "../lib/record-change.ts";
import { isIncident, joinedWords, type Known, knownIncidents, meantOf } from "./known.ts";

const TREND_MINUTES = 5;
const METRICS_LIMIT_MS = 10_000;
const SEND_LIMIT_MS = 10_000;

/** Where `--send` sends it; a status page is not ours to write to. */
const CHANNELS: Readonly<Record<MessageKind, ChannelName | null>> = {
  slack: "slack",
  internal: "webhook",
  "status-page": null,
};

const input = z.object({
  kind: flag("<kind>", MESSAGE_KINDS.join(", "), oneOf(MESSAGE_KINDS)),
  next: flag("--next <text>", "what comes next, in your words", textUpTo(300).optional()),
  send: onOff("--send", "send it: slack by Slack, internal by the webhook"),
});
type Input = Given<typeof input>;

export interface MessageData {
  incident: string;
  kind: MessageKind;
  /** A line each. */
  lines: string[];
  /** Through which channel it was sent; null: it was only printed. */
  sent: string | null;
}

export const incidentMessage: ReadingVerb<typeof input, MessageData> = {
  name: "incident message",
  summary: "Render a message with live numbers; print or send it",
  details:
    "Renders the team's message for Slack, for the status page or for colleagues from the journal and the metrics. " +
    "Says live only of what was seen live, and what it does not know. Prints it; --send sends it through the " +
    "channel that notify in pixcanary.json configures. Changes no traffic.",
  examples: [
    "pixcanary incident message slack --env production",
    'pixcanary incident message slack --send --next "rolling back the pool size"',
    "pixcanary incident message status-page",
  ],
  anyHost: true,
  timeoutMs: 30_000,
  input,
  run,
  render,
  document: (outcome) =>
    outcome.kind === "done" && outcome.data.sent === null ? outcome.data.lines.join("\n") : null,
};

async function run(given: Input, ports: Ports): Promise<Outcome<MessageData>> {
  const { kind } = given;
  const channel = CHANNELS[kind];
  if (given.send) {
    const refused = refusedChannel(kind, channel, ports);
    if (refused !== null) return refused;
  }
  const known = await knownIncidents(ports);
  const incident = meantOf(known, given, ports);
  if (!isIncident(incident)) return incident;
  const facts = await factsOf(given, { known, incident }, ports);
  const lines = messageLines(kind, mapStrings(facts, ports.redact));
  const data: MessageData = { incident: incident.id, kind, lines, sent: null };
  if (!given.send || channel === null) return { kind: "done", changed: false, data };
  return send(data, channel, given, ports);
}

function refusedChannel(
  kind: MessageKind,
  channel: ChannelName | null,
  { notifier, target }: Ports,
): Outcome<never> | null {
  const fail = (message: string): Outcome<never> => ({
    kind: "failed",
    code: "usage",
    message,
    truth: "nothing was sent",
    next: invocation(target, `incident message ${kind}`),
  });
  if (channel === null) return fail("there is no channel for the status page: print it and paste");
  if (notifier.channels.includes(channel)) return null;
  return fail(`notify.${channel} is not set in pixcanary.json`);
}

async function factsOf(
  { next }: Input,
  { known, incident }: { known: Known; incident: Incident },
  ports: Ports,
): Promise<MessageFacts> {
  const { clock, interrupt, metrics, target } = ports;
  const nowMs = clock.now();
  const ask = askOf(metrics, anySignal([clock.timeout(METRICS_LIMIT_MS), interrupt]));
  const span = spanOf(incident.begunMs, endOf(incident, nowMs));
  const newest = lastBuckets(Math.floor(nowMs / 1_000), target.policy, TREND_MINUTES);
  const earlier = { fromS: 2 * newest.fromS - newest.toS, toS: newest.fromS };
  const [requests, visitors, now, before] = await Promise.all([
    ask((dataset) => requestsByCohort(dataset, span)),
    ask((dataset) => visitorsByCohort(dataset, span)),
    ask((dataset) => requestsByCohort(dataset, newest)),
    ask((dataset) => requestsByCohort(dataset, earlier)),
  ]);
  return {
    ...{ incident, nowMs, environment: target.env, tag: target.canaryTag },
    changes: changesIn(known.entries, incident, nowMs),
    impact: impactOf(requests, visitors),
    trend: trendOf(now, before),
    contacts: target.contacts,
    next: next === undefined ? null : joinedWords([next], ports),
  };
}

function trendOf(
  now: Observed<readonly CohortRow[]>,
  before: Observed<readonly CohortRow[]>,
): Trend | null {
  const sumOf = (rows: Observed<readonly CohortRow[]>) => {
    if (rows.kind === "unseen" || rows.value.length === 0) return null;
    const requests = rows.value.reduce((sum, row) => sum + row.requests, 0);
    return { requests, failed: rows.value.reduce((sum, row) => sum + row.errors, 0) };
  };
  if (now.kind === "unseen") return null;
  return { minutes: TREND_MINUTES, now: sumOf(now), before: sumOf(before) };
}

async function send(
  data: MessageData,
  channel: ChannelName,
  given: Input,
  ports: Ports,
): Promise<Outcome<MessageData>> {
  const { clock, interrupt, notifier, target } = ports;
  const signal = anySignal([clock.timeout(SEND_LIMIT_MS), interrupt]);
  const reports = await notifier.report(noticeOf(data, ports), { signal, channels: [channel] });
  const failed = reports.find(({ problem }) => problem !== null);
  if (failed !== undefined || reports.length === 0) {
    const message = `${channel}: ${failed?.problem ?? "nothing was sent"}`;
    const next = failed?.fix ?? invocation(target, "doctor --notify");
    return { kind: "failed", code: "upstream", message, truth: "it may not be sent", next, data };
  }
  const text = `message ${data.kind} sent through ${channel}`;
  const event = { kind: "notified", severity: null, text, when: null } as const;
  await recordEntry(ports, await eventNow(ports, given, data.incident, event), "none");
  return { kind: "done", changed: true, data: { ...data, sent: channel } };
}

function noticeOf({ lines }: MessageData, { clock, identity, target }: Ports): Notice {
  const [title = "", ...details] = lines;
  return {
    kind: "event",
    key: noticeKey(target.env, "change"),
    env: target.env,
    severity: "info",
    title,
    details,
    next: null,
    at: new Date(clock.now()).toISOString(),
    source: identity.host,
  };
}

function render(outcome: Outcome<MessageData>): string {
  if (outcome.kind !== "done") return "";
  const { lines, sent } = outcome.data;
  const head = sent === null ? [] : [`✔ incident message: sent through ${sent}`];
  return [...head, ...lines.map((line) => (sent === null ? line : `  ${line}`))].join("\n");
}
