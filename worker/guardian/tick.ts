/**
 * One tick: read, judge, act if allowed, carry on with a ramp, remember, tell. In this order: what takes
 * native traffic away comes first, and nobody's pager may delay it. Never rejects.
 */

import { sentence } from "../../src/domain/finding-text.ts";
import type { Action } from "../../src/domain/guardian.ts";
import { decideAction, entryOf } from "../../src/domain/guardian.ts";
import type { GuardianDocument } from "../../src/domain/guardian-document.ts";
import { GUARDIAN, parseGuardian, parseGuardianArm } from "../../src/domain/guardian-document.ts";
import type { JournalEntry } from "../../src/domain/journal.ts";
import type { NextNotice } from "../../src/domain/notices/changes.ts";
import { nextNotice, noticeOf, parseTold, toldAfter } from "../../src/domain/notices/changes.ts";
import type { Notice } from "../../src/domain/notices/notice.ts";
import { noticeOfEntry } from "../../src/domain/notices/of-entry.ts";
import type { Assessment } from "../../src/domain/policy-evaluate.ts";
import { evaluate } from "../../src/domain/policy-evaluate.ts";
import type { Observed } from "../../src/domain/policy-observations.ts";
import { GATE } from "../../src/domain/ramp.ts";
import type { RampDocument } from "../../src/domain/ramp-document.ts";
import { isOver, parseRamp, parseRampControl } from "../../src/domain/ramp-document.ts";
import { rampNotice } from "../../src/domain/ramp-text.ts";
import type { ParsedState } from "../../src/domain/state.ts";
import { isEmergency, parseConfig, parseState } from "../../src/domain/state.ts";
import type { Bindings, Settings } from "../env.ts";
import { createNotifier } from "../notify/notifier.ts";
import type { GuardianTexts } from "./kv.ts";
import {
  readTexts,
  recentEntries,
  writeConfig,
  writeEntry,
  writeGuardian,
  writeRamp,
  writeRampShare,
  writeStop,
} from "./kv.ts";
import { observe } from "./observe.ts";
import { stepRamp } from "./ramp.ts";

export interface TickGiven {
  settings: Settings;
  env: Bindings;
  /** The cron's scheduled time; the same for duplicate runs. */
  tickMs: number;
  random(): number;
  waitUntil(work: Promise<unknown>): void;
}

interface Tick extends TickGiven {
  kv: KVNamespace;
  texts: GuardianTexts;
  state: ParsedState;
  guardian: GuardianDocument | null;
  notices: Notice[];
  latched: GuardianDocument["latched"];
}

/** Throws when KV cannot be read: then nothing is known, and nothing is done. */
export async function tick(given: TickGiven): Promise<void> {
  const kv = given.env.KV_CANARY_CONFIG;
  if (kv === undefined) throw new Error("KV_CANARY_CONFIG is not bound");
  const { mode } = given.settings.guardian;
  const texts = await readTexts(kv);
  const ramp = parseRamp(texts.ramp);
  const running = ramp !== null && ramp.mode === "detached" && !isOver(ramp) ? ramp : null;
  if (mode === "off" && running === null) return;
  const guardian = parseGuardian(texts.guardian);
  const state = parseState(texts.state);
  const run: Tick = {
    ...given,
    kv,
    texts,
    state,
    guardian,
    notices: [],
    latched: guardian?.latched ?? null,
  };
  const { policy } = given.settings.guardian;
  const entries = await entriesOf(run);
  const observations = await observe({ ...given, policy, nowMs: given.tickMs, entries });
  const assessment = evaluate(observations, policy);
  const arm = parseGuardianArm(texts.arm);
  const lastAction = lastActionIn(entries);
  const known = { tickMs: given.tickMs, mode, guardian, arm, lastAction, state };
  const action = decideAction({ ...known, assessment });
  if (action !== null) await act(run, action, assessment);
  else if (running !== null) await carryOn(run, running, { observations, entries });
  await rememberAndTell(run, assessment);
}

async function entriesOf({ kv, tickMs }: Tick): Promise<Observed<readonly JournalEntry[]>> {
  try {
    return { kind: "seen", value: await recentEntries(kv, tickMs) };
  } catch {
    return { kind: "unseen", because: "the journal in KV could not be read" };
  }
}

/** Its own words in the journal: a ramp's step is its author's. */
function lastActionIn(entries: Observed<readonly JournalEntry[]>): string | null {
  if (entries.kind === "unseen") return null;
  return entries.value.findLast(({ actor }) => actor === GUARDIAN)?.at ?? null;
}

/** The stop first: its mirror and the journal may fail. */
async function act(run: Tick, action: Action, assessment: Assessment | null): Promise<void> {
  const { kv, settings, tickMs } = run;
  if (action.stop !== null) await writeStop(kv, action.stop);
  await writeConfig(kv, action.config).catch((error: unknown) => {
    if (action.stop === null) throw error;
    warn(`the stop is written, its mirror in config is not: ${String(error)}`);
  });
  const { kind, id, why } = action;
  run.latched = { at: new Date(tickMs).toISOString(), action: kind, id, why };
  const seen = assessment?.findings.filter(({ verdict }) => verdict !== "pass").map(sentence) ?? [];
  const notes = [`guardian, mode ${settings.guardian.mode}`, ...seen].map((n) => n.slice(0, 300));
  await journal(
    run,
    entryOf(action, { tickMs, host: hostOf(run), tool: "pixcanary worker", notes }),
  );
}

async function journal(run: Tick, entry: JournalEntry): Promise<void> {
  run.notices.push(noticeOfEntry(run.settings.notify.env, entry));
  await writeEntry(run.kv, entry).catch((error: unknown) => warn(`journal: ${String(error)}`));
}

async function carryOn(
  run: Tick,
  before: RampDocument,
  seen: Pick<Parameters<typeof stepRamp>[0], "observations" | "entries">,
): Promise<void> {
  const { kv, settings, texts, state, tickMs } = run;
  const control = parseRampControl(texts.control);
  const { policy } = settings.guardian;
  const stored = parseConfig(texts.state.config);
  const known = { ramp: before, control, state, stored, policy, settings, tickMs, ...seen };
  const step = await stepRamp(known);
  if (step.share !== null) await writeRampShare(kv, step.share);
  if (step.action !== null) await act(run, step.action, null);
  const { ramp } = step;
  if (ramp.live_at !== null && ramp.live_at !== before.live_at)
    await journal(run, stepEntry(run, ramp));
  await writeRamp(kv, JSON.stringify(ramp));
  const stands = isOver(ramp) || (ramp.paused?.by === GATE && before.paused?.by !== GATE);
  if (!stands) return;
  run.notices.push(rampNotice(ramp, settings.notify.env, tickMs));
  const entry = endEntry(run, ramp);
  await writeEntry(kv, entry).catch((error: unknown) => warn(`journal: ${String(error)}`));
}

/** As the attached ramp tells its steps: the same id and the same time, however often it is told. */
function stepEntry(run: Tick, ramp: RampDocument): JournalEntry {
  const step = ramp.plan[ramp.step];
  const previous = ramp.plan[ramp.step - 1];
  const liveMs = Date.parse(ramp.live_at ?? "") - Date.parse(ramp.written_at ?? "");
  return {
    ...entryBase(run, ramp),
    id: step?.revision ?? ramp.id,
    at: ramp.written_at ?? ramp.updated_at,
    before: {
      percent: previous?.percent ?? ramp.base.percent,
      emergency: false,
      revision: previous?.revision ?? ramp.base.revision,
    },
    after: { percent: step?.percent ?? null, emergency: false, revision: step?.revision ?? null },
    revision: step?.revision ?? null,
    verification: { outcome: "live", locations: [], elapsed_ms: Math.max(0, liveMs) },
    notes: [`step ${ramp.step + 1}/${ramp.plan.length} of ramp ${ramp.id}`],
  };
}

/** Changes nothing by itself. */
function endEntry(run: Tick, ramp: RampDocument): JournalEntry {
  const { config } = run.state;
  const percent = config.kind === "valid" ? config.value.canary_percent : null;
  const present = { percent, emergency: isEmergency(run.state), revision: null };
  const { at, by, why } = ramp.ended ??
    ramp.paused ?? { at: ramp.updated_at, by: GUARDIAN, why: "" };
  return {
    ...entryBase(run, ramp),
    id: `${ramp.id}-${ramp.state}`,
    at,
    before: present,
    after: present,
    revision: null,
    verification: { outcome: "stored", locations: [], elapsed_ms: 0 },
    notes: [`ramp ${ramp.state}: ${why} (${by})`.slice(0, 1_000)],
  };
}

function entryBase(run: Tick, ramp: RampDocument) {
  const { reason, incident, by } = ramp;
  const tool = "pixcanary worker";
  return {
    schema: 1 as const,
    command: "ramp",
    actor: by,
    host: hostOf(run),
    reason,
    incident,
    tool,
    namespace: null,
  };
}

/** One notice per change of native's health, and the document of this tick. */
async function rememberAndTell(run: Tick, assessment: Assessment): Promise<void> {
  const { settings, kv, tickMs, random, env, notices } = run;
  const told = parseTold(run.guardian?.told ?? null);
  const next = healthNotice(told, assessment, run);
  if (next.notice !== null) {
    const where = {
      env: settings.notify.env,
      topic: "health" as const,
      nowMs: tickMs,
      source: hostOf(run),
    };
    notices.push(noticeOf(next.notice, { ...where, next: commandFor(assessment, where.env) }));
  }
  const document = (said: GuardianDocument["told"]): string =>
    JSON.stringify({
      schema: 1,
      mode: settings.guardian.mode,
      last_tick: new Date(tickMs).toISOString(),
      latched: run.latched,
      told: said,
      verdict: assessment.verdict,
    } satisfies GuardianDocument);
  // The latch is kept before anybody is told: a pager that hangs must not take it away.
  const before = told === null ? null : JSON.stringify(told);
  await writeGuardian(kv, document(before)).catch((error: unknown) =>
    warn(`guardian: ${String(error)}`),
  );
  const notifier = createNotifier(settings.notify, { random, email: env.NOTIFY_EMAIL });
  if (notices.length === 0) return;
  const reports = await notifier.send(notices);
  for (const { ok, channel, problem } of reports) if (!ok) warn(`notice by ${channel}: ${problem}`);
  const delivered = reports.length === 0 || reports.some(({ ok }) => ok);
  const after = toldAfter(told, next, delivered);
  const text = after === null ? null : JSON.stringify(after);
  if (text !== before) {
    await writeGuardian(kv, document(text)).catch((error: unknown) =>
      warn(`guardian: ${String(error)}`),
    );
  }
}

/** No data is not good news: only a pass closes what is open. */
function healthNotice(
  told: ReturnType<typeof parseTold>,
  { verdict, recommendation, problems }: Assessment,
  { tickMs, settings }: Tick,
): NextNotice {
  if (recommendation === "none" && verdict !== "pass") return { told, notice: null };
  const [first, ...others] = problems;
  const title = first === undefined ? "native is healthy again" : sentence(first);
  const details = [...others.map(sentence), `guardian: ${settings.guardian.mode}`];
  return nextNotice(told, { level: recommendation, title, details }, tickMs);
}

function commandFor({ recommendation }: Assessment, env: string): string {
  const verb = recommendation === "none" || recommendation === "notify" ? "status" : recommendation;
  return `pixcanary ${verb} --env ${env}`;
}

function hostOf({ settings }: Tick): string {
  return `worker ${settings.workerVersion ?? "unknown"}`;
}

function warn(text: string): void {
  console.warn(JSON.stringify({ level: "WARN", guardian: text.slice(0, 500) }));
}
