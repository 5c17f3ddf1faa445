/**
 * One tick: read, judge, act if allowed, carry on with a ramp, remember, tell. In this order: what takes
 * native traffic away comes first, and nobody's pager may delay it. Never rejects.
 */

import { parseCap, serialiseCap } from "../../src/domain/guardian/cap.ts";
import type { Action, GuardianKnown } from "../../src/domain/guardian/decide.ts";
import {
  decideAction,
  entryOf,
  knownSince,
  newestAction,
  since,
} from "../../src/domain/guardian/decide.ts";
import type { GuardianDocument } from "../../src/domain/guardian/document.ts";
import { parseGuardian, parseGuardianArm } from "../../src/domain/guardian/document.ts";
import { timeOf } from "../../src/domain/lib/time.ts";
import { noticeOfEntry } from "../../src/domain/notices/of-entry.ts";
import { caughtWindows } from "../../src/domain/policy/caught-intents.ts";
import { evaluate } from "../../src/domain/policy/evaluate.ts";
import type { Assessment } from "../../src/domain/policy/finding.ts";
import { sentence } from "../../src/domain/policy/finding-text.ts";
import type { Observed } from "../../src/domain/policy/observations.ts";
import { sinceChange } from "../../src/domain/policy/observations.ts";
import { GATE } from "../../src/domain/ramp/advance.ts";
import type { RampDocument } from "../../src/domain/ramp/document.ts";
import { isOver, parseRamp, parseRampControl } from "../../src/domain/ramp/document.ts";
import { endEntry, stepEntry } from "../../src/domain/ramp/entries.ts";
import { isAbandoned, isVoid, parseRampShare } from "../../src/domain/ramp/share.ts";
import { rampNotice } from "../../src/domain/ramp/text.ts";
import { parseConfig, serialiseStop } from "../../src/domain/state/documents.ts";
import type { JournalEntry } from "../../src/domain/state/journal.ts";
import { WORKER_TOOL } from "../../src/domain/state/journal.ts";
import { oddKeys } from "../../src/domain/state/odd-keys.ts";
import { parseState } from "../../src/domain/state/state.ts";
import { copyToKv, stopByBoth, stopInForce, stopsAt } from "./beacon.ts";
import type { Tick, TickGiven } from "./given.ts";
import {
  dropRampShare,
  readState,
  readTexts,
  recentEntries,
  writeCap,
  writeEntry,
  writeRamp,
  writeRampShare,
} from "./kv.ts";
import { observe } from "./observe.ts";
import { stepRamp } from "./ramp.ts";
import { hostOf, rememberAndTell, tellLate, warn } from "./tell.ts";

/** A run that comes later than this would act on a state of things that is over. */
const LATE_MS = 90_000;

/** Throws when KV cannot be read: then nothing is known, and nothing is done. */
export async function tick(given: TickGiven): Promise<void> {
  const kv = given.env.KV_CANARY_CONFIG;
  if (kv === undefined) throw new Error("KV_CANARY_CONFIG is not bound");
  const { mode, policy } = given.settings.guardian;
  const texts = await readTexts(kv);
  const ramp = parseRamp(texts.ramp);
  const running = ramp !== null && ramp.mode === "detached" && !isOver(ramp) ? ramp : null;
  if (mode === "off" && running === null) {
    if (texts.ramp !== null && ramp === null) warn("ramp cannot be read: no ramp runs");
    if (!isLate(given)) await keepUp({ ...given, kv, ramp });
    return;
  }
  if (isLate(given)) return tellLate(given);
  const guardian = parseGuardian(texts.guardian);
  const before = await entriesOf(kv, given.tickMs);
  const sinceS = intentsFromS(given, guardian, before);
  const { tickMs: nowMs } = given;
  const observations = await observe({ ...given, policy, nowMs, entries: before, sinceS });
  const assessment = evaluate(observations, policy);
  const matters = running !== null || (mode === "enforce" && assessment.verdict === "fail");
  // Asking has taken its time: what people have said meanwhile is known before anything is written.
  const entries = matters ? await entriesOf(kv, given.tickMs) : before;
  const run = await looked({ ...given, kv, texts, guardian }, entries);
  const action = decideAction({ ...knownOf(run, entries), ...given, mode, assessment: judged() });
  if (isLate(given)) return tellLate(given);
  let after = ramp;
  if (action !== null) await act(run, action, assessment);
  else if (running !== null) after = await carryOn(run, running, { observations, entries });
  if (action === null) await copyToKv(run, run.stops);
  const goesOn = running !== null && after !== null && !isOver(after);
  if (!goesOn) await dropVoidShare({ ...run, ramp: after });
  await rememberAndTell(run, assessment);

  function judged(): Assessment {
    return evaluate(sinceChange(observations, Date.parse(run.since.at) / 1_000), policy);
  }
}

/** What is done whether anybody guards or not. */
async function keepUp(given: TickGiven & Pick<Tick, "kv"> & WithRamp): Promise<void> {
  const atBeacon = await stopsAt(given.beacon, given.waitUntil);
  const raw = await readState(given.kv);
  if (atBeacon !== null && atBeacon.length > 0) await copyToKv(given, { inKv: raw.stop, atBeacon });
  await dropVoidShare({ ...given, raw });
}

interface WithRamp {
  ramp: RampDocument | null;
}

/** Left there, it would raise again as soon as somebody stores its base again, or goes on raising. */
async function dropVoidShare({
  kv,
  raw,
  ramp,
  tickMs,
}: Pick<Tick, "kv" | "raw" | "tickMs"> & WithRamp): Promise<void> {
  const share = parseRampShare(raw.rampShare ?? null);
  if (share === null) return;
  if (!isVoid(share, parseConfig(raw.config), tickMs) && !isAbandoned(share, ramp)) return;
  await dropRampShare(kv).catch((error: unknown) => warn(`ramp-share: ${String(error)}`));
}

/**
 * Without those that an emergency caught, and those of before it first saw what people did last. One that the
 * journal does not end is on, or was ended by hand: that is seen.
 */
function intentsFromS(
  { tickMs, settings }: TickGiven,
  guardian: GuardianDocument | null,
  entries: Observed<readonly JournalEntry[]>,
): number {
  const seen = entries.kind === "seen" ? entries.value : [];
  const nowS = tickMs / 1_000;
  const caught = caughtWindows(seen, nowS, settings.guardian.policy);
  const known = timeOf(knownSince(guardian, tickMs)?.at) / 1_000;
  return Math.max(0, known, ...caught.map(({ toS }) => toS).filter((toS) => toS < nowS));
}

async function looked(
  given: TickGiven & Pick<Tick, "kv" | "texts" | "guardian">,
  entries: Observed<readonly JournalEntry[]>,
): Promise<Tick> {
  const { kv, texts, tickMs, beacon, waitUntil } = given;
  const [stored, atBeacon] = await Promise.all([readState(kv), stopsAt(beacon, waitUntil)]);
  const stops = { inKv: stored.stop, atBeacon };
  const raw = { ...stored, stop: stopInForce(stops) };
  const run = { ...given, stops, raw, state: parseState(raw), arm: parseGuardianArm(texts.arm) };
  const known = knownOf(run, entries);
  return {
    ...run,
    notices: [],
    // What any of its witnesses knows it remembers: they are lost, or age out, one by one.
    latched: newestAction(known, tickMs),
    since: since(known, tickMs),
    odd: oddKeys(raw, texts, tickMs),
  };
}

function knownOf(
  { guardian, arm, raw, state }: Pick<Tick, "guardian" | "arm" | "raw" | "state">,
  entries: Observed<readonly JournalEntry[]>,
): GuardianKnown {
  const seen = entries.kind === "seen" ? entries.value : [];
  return { guardian, arm, cap: parseCap(raw.cap ?? null), state, entries: seen };
}

function isLate({ tickMs, now }: TickGiven): boolean {
  return now() - tickMs > LATE_MS;
}

async function entriesOf(
  kv: KVNamespace,
  tickMs: number,
): Promise<Observed<readonly JournalEntry[]>> {
  try {
    return { kind: "seen", value: await recentEntries(kv, tickMs) };
  } catch {
    return { kind: "unseen", because: "cannot read the journal in KV" };
  }
}

/** A stop or a cap, never config: neither can take back what a person has written. */
async function act(run: Tick, action: Action, assessment: Assessment | null): Promise<void> {
  const { kv, settings, tickMs } = run;
  if (action.stop !== null) await stopByBoth(kv, run.beacon, action.stop);
  if (action.cap !== null) await writeCap(kv, action.cap);
  // What is advised afterwards is advised on what is stored then.
  run.raw = {
    ...run.raw,
    ...(action.stop !== null && { stop: serialiseStop(action.stop) }),
    ...(action.cap !== null && { cap: serialiseCap(action.cap) }),
  };
  run.state = parseState(run.raw);
  const { kind, id, why } = action;
  run.latched = { at: new Date(tickMs).toISOString(), action: kind, id, why };
  const seen = assessment?.findings.filter(({ verdict }) => verdict !== "pass").map(sentence) ?? [];
  const notes = [`guardian, mode ${settings.guardian.mode}`, ...seen].map((n) => n.slice(0, 300));
  await journal(run, entryOf(action, { tickMs, host: hostOf(run), tool: WORKER_TOOL, notes }));
}

async function journal(run: Tick, entry: JournalEntry): Promise<void> {
  const { env, contacts } = run.settings.notify;
  run.notices.push(noticeOfEntry(env, entry, { contacts }));
  await keepEntry(run, entry);
}

async function keepEntry({ kv }: Tick, entry: JournalEntry): Promise<void> {
  await writeEntry(kv, entry).catch((error: unknown) => warn(`journal: ${String(error)}`));
}

/** The ramp as it is then. */
async function carryOn(
  run: Tick,
  before: RampDocument,
  seen: Pick<Parameters<typeof stepRamp>[0], "observations" | "entries">,
): Promise<RampDocument> {
  const { kv, settings, texts, state, tickMs } = run;
  const control = parseRampControl(texts.control);
  const { policy } = settings.guardian;
  const stored = parseConfig(run.raw.config);
  const unheard =
    run.stops.atBeacon === null ? "the beacon cannot be read: a stop may be in force" : null;
  const known = {
    ramp: before,
    control,
    state,
    stored,
    policy,
    settings,
    tickMs,
    unheard,
    ...seen,
  };
  const step = await stepRamp(known);
  if (step.share !== null) await writeRampShare(kv, step.share);
  if (step.action !== null) await act(run, step.action, null);
  const { ramp } = step;
  const { reason, incident, by: actor } = ramp;
  const signature = { actor, reason, incident, ...signatureOf(run) };
  const isNewlyLive = ramp.live_at !== null && ramp.live_at !== before.live_at;
  const live = isNewlyLive ? stepEntry(ramp, "live", signature) : null;
  if (live !== null) await journal(run, live);
  await writeRamp(kv, JSON.stringify(ramp));
  const stands = isOver(ramp) || (ramp.paused?.by === GATE && before.paused?.by !== GATE);
  if (stands) {
    run.notices.push(rampNotice(ramp, settings.notify.env, tickMs));
    await keepEntry(run, endEntry(ramp, state, signature));
  }
  return ramp;
}

function signatureOf(run: Tick): Pick<JournalEntry, "host" | "tool" | "namespace"> {
  return { host: hostOf(run), tool: WORKER_TOOL, namespace: null };
}
