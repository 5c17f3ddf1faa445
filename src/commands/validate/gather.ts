/** Everything that `validate` looks at, gathered side by side and within its limits. Never throws. */

import { anySignal } from "../../domain/lib/abort.ts";
import { timeOf } from "../../domain/lib/time.ts";
import { caughtWindows } from "../../domain/policy/caught-intents.ts";
import type { Observed } from "../../domain/policy/observations.ts";
import { reductionsOf } from "../../domain/policy/observations.ts";
import type { Quiet } from "../../domain/policy/stops-in-window.ts";
import { quietSince } from "../../domain/policy/stops-in-window.ts";
import type { PolicyOverWindow, WindowPlan } from "../../domain/policy/window.ts";
import { overWindow } from "../../domain/policy/window.ts";
import type { AchievedShare } from "../../domain/proof/achieved-share.ts";
import { unknownShare } from "../../domain/proof/achieved-share.ts";
import { expectationOf } from "../../domain/proof/expectation.ts";
import type { JournalEntry } from "../../domain/state/journal.ts";
import { snapshotOf } from "../../domain/state/journal.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Examined } from "../doctor/doctor.ts";
import { examine } from "../doctor/doctor.ts";
import { askShare } from "../lib/achieved-share.ts";
import type { LiveProof } from "../lib/prove-live.ts";
import { proveLive } from "../lib/prove-live.ts";
import type { Base } from "../lib/stored-state.ts";
import { READ_LIMIT_MS, readBase } from "../lib/stored-state.ts";
import type { WindowMetrics } from "../lib/window-metrics.ts";
import { askWindow, inTime } from "../lib/window-metrics.ts";
import { asUpstream } from "../lib/write-result.ts";
import type { SmokeReport } from "../smoke/checks.ts";
import { runSmoke } from "../smoke/checks.ts";

/** What was written a minute ago is live by then, or worth knowing about; and a third of all time. */
const LIVE_LIMIT_MS = 20_000;
const SHARE_LIMIT_MS = 20_000;
/** More changes than people and ramps make in a week. */
const ENTRIES = 500;

export interface Parts {
  base: Base | UpstreamError;
  /** What is stored at the end, when that is something else or could not be read; null: the same. */
  after: Base | UpstreamError | null;
  doctor: Examined;
  /** Null when the stored state could not be read, and so there was nothing to look for. */
  live: LiveProof | null;
  smoke: SmokeReport | null;
  metrics: WindowMetrics;
  policy: PolicyOverWindow;
  share: AchievedShare;
  /** Why the share could not be asked; null also when there is nothing to ask about. */
  shareFailure: UpstreamError | null;
  entries: readonly JournalEntry[];
  quiet: Quiet;
}

export interface Wanted {
  plan: WindowPlan;
  /** For all of it. */
  timeoutMs: number;
  smoke: boolean;
  wantsNative: boolean;
}

export async function gather(ports: Ports, wanted: Wanted, signal: AbortSignal): Promise<Parts> {
  const { plan, timeoutMs } = wanted;
  const liveMs = Math.min(LIVE_LIMIT_MS, timeoutMs / 3);
  // Each of them tells what it has seen; here only what they come to is.
  const silent = { ...ports, progress: { ...ports.progress, stage: () => undefined } };
  const reading = readBase(silent, limited(ports, READ_LIMIT_MS, signal));
  const [base, doctor, live, smoke, metrics, share, journal] = await Promise.all([
    reading,
    examine(silent, signal),
    reading.then((base) => look(silent, base, limited(ports, liveMs, signal))),
    reading.then((base) => trySmoke(silent, base, wanted, signal)),
    askWindow(silent, plan, signal),
    reading.then((base) => shareOf(silent, base, limited(ports, SHARE_LIMIT_MS, signal))),
    readJournal(ports, plan, signal),
  ]);
  const state: Observed<ParsedState> =
    "state" in base
      ? { kind: "seen", value: base.state }
      : { kind: "unseen", because: base.message };
  const { entries, gap } = journal;
  const { policy } = ports.target;
  const caught = caughtWindows(entries, plan.nowS, policy);
  const lastReductionS = reductionsOf(entries, gap);
  return {
    after: await changedMeanwhile(silent, base, signal),
    ...{ base, doctor, live, smoke, metrics, entries },
    ...{ share: share.share, shareFailure: share.failure },
    policy: overWindow(plan, { ...metrics, caught, lastReductionS }, policy),
    quiet: quietSince(plan.window.fromS, {
      ...{ state, entries },
      journalGap: gap,
      decided: metrics.decided,
    }),
  };
}

function limited(ports: Ports, ms: number, signal: AbortSignal): AbortSignal {
  return anySignal([ports.clock.timeout(ms), signal]);
}

/** A stop that was pulled while everything else was looked at must not end in a GO. */
async function changedMeanwhile(
  ports: Ports,
  base: Base | UpstreamError,
  signal: AbortSignal,
): Promise<Base | UpstreamError | null> {
  if (!("state" in base)) return null;
  let after: Base | UpstreamError = base;
  // One read may be an old one: a change is what two in a row show.
  for (let look = 0; look < 2; look += 1) {
    after = await readBase(ports, limited(ports, READ_LIMIT_MS, signal));
    if (!("state" in after) || isSame(after, base)) break;
  }
  return "state" in after && isSame(after, base) ? null : after;
}

/** A config that is written again as it was, as a lease is renewed, is no change. */
function isSame(a: Base, b: Base): boolean {
  const told = ({ state, stopText }: Base): string => JSON.stringify([snapshotOf(state), stopText]);
  return told(a) === told(b);
}

async function look(
  ports: Ports,
  base: Base | UpstreamError,
  signal: AbortSignal,
): Promise<LiveProof | null> {
  if (!("state" in base)) return null;
  const startedMs = ports.clock.monotonic();
  return proveLive(ports, expectationOf(base.state), { signal, startedMs, what: "state" });
}

/** A state that cannot be read is not one to check against. */
async function trySmoke(
  ports: Ports,
  base: Base | UpstreamError,
  { smoke, wantsNative }: Wanted,
  signal: AbortSignal,
): Promise<SmokeReport | null> {
  return smoke && "state" in base ? runSmoke(ports, { signal, wantsNative }) : null;
}

async function shareOf(
  ports: Ports,
  base: Base | UpstreamError,
  signal: AbortSignal,
): Promise<{ share: AchievedShare; failure: UpstreamError | null }> {
  if (!("state" in base)) {
    return { share: unknownShare(null, "the stored state could not be read"), failure: null };
  }
  try {
    return { share: await askShare(ports, base.state, signal), failure: null };
  } catch (thrown) {
    const error = inTime(asUpstream(thrown), signal, ports);
    const failure = error.kind === "not-found" ? null : error;
    return { share: unknownShare(base.state, error.message), failure };
  }
}

/** `gap`: why the window may hold entries that were not read; null when it holds no others. */
async function readJournal(
  ports: Ports,
  { window }: WindowPlan,
  signal: AbortSignal,
): Promise<{ entries: JournalEntry[]; gap: string | null }> {
  const { entries, warnings } = await ports.journal.recent(ENTRIES, { signal });
  for (const warning of warnings) ports.progress.warn(warning);
  const [warning] = warnings;
  if (warning !== undefined) return { entries, gap: warning };
  const cut = entries.length >= ENTRIES && timeOf(entries[0]?.at) / 1_000 > window.fromS;
  return { entries, gap: cut ? `more than ${ENTRIES} changes: only the newest were read` : null };
}
