/** The dashboard's questions to the metrics, asked all at once; who answers differs between Worker and command line. */

import type { Ages, KeepAlive, Kept } from "../lib/kept.ts";
import { errorGroups, latencyBins, phaseBuckets } from "../metrics/dashboard-queries.ts";
import type { OrphanRow, Window } from "../metrics/queries.ts";
import {
  failureBuckets,
  healthBuckets,
  locationsByRevision,
  shareOfCohorts,
} from "../metrics/queries.ts";
import type { Policy } from "../policy/numbers.ts";
import type { Ask, Observations, Observed } from "../policy/observations.ts";
import { lastReduction } from "../policy/observations.ts";
import { observeNative } from "../policy/observe.ts";
import { achievedShare, shareQuestion } from "../proof/achieved-share.ts";
import { fleetExpectation, fleetWindow, foldFleet } from "../proof/fleet.ts";
import type { JournalEntry } from "../state/journal.ts";
import type { ParsedState } from "../state/state.ts";
import type { Panel, PresentFigures, RangeFigures } from "./document.ts";
import { histogramOf } from "./histogram.ts";
import { errorsPlot, failuresPlot, latencyPlot, requestsPlot, totalsOf } from "./plots.ts";
import type { Range } from "./range.ts";

/** None rejects. */
export interface Sources {
  nowMs: number;
  ask: Ask;
  /** Intents made in the window, of which an emergency caught none half-way. */
  orphans(window: Window): Promise<Observed<OrphanRow>>;
  /** As stored; null where it cannot be read. */
  state: ParsedState | null;
  entries: Observed<readonly JournalEntry[]>;
  policy: Policy;
}

/** Never rejects: what could not be had is a panel that says why. Five questions. */
export async function gatherRange(
  range: Range,
  { ask, nowMs, policy }: Pick<Sources, "ask" | "nowMs" | "policy">,
): Promise<RangeFigures> {
  const { window, bucketS } = range;
  const asked = { nowS: Math.floor(nowMs / 1_000), settleS: policy.settleSeconds };
  const [phases, health, bins, failures, groups] = await Promise.all([
    ask((dataset) => phaseBuckets(dataset, window, bucketS)),
    ask((dataset) => healthBuckets(dataset, window, bucketS)),
    ask((dataset) => latencyBins(dataset, window)),
    ask((dataset) => failureBuckets(dataset, window, bucketS)),
    ask((dataset) => errorGroups(dataset, window)),
  ]);
  return {
    at: new Date(nowMs).toISOString(),
    sampled: health.kind === "seen" && health.value.some((row) => row.requests > row.observations),
    requests: panel(phases, (rows) => ({
      plot: requestsPlot(range, rows, asked),
      ...requestsOf(totalsOf(rows)),
    })),
    errors: panel(phases, (rows) => ({
      plot: errorsPlot(range, rows, policy),
      totals: totalsOf(rows),
    })),
    latency: panel(health, (rows) => ({ plot: latencyPlot(range, rows, policy) })),
    histogram: panel(bins, histogramOf),
    failures: panel(failures, (rows) => ({
      plot: failuresPlot(range, rows, { policy, ...asked }),
      r2: rows.reduce((sum, row) => sum + row.r2, 0),
      database: rows.reduce((sum, row) => sum + row.database, 0),
    })),
    error_groups: panel(groups, (rows) => [...rows]),
  };
}

export interface KeptFigures {
  present: Kept<Present>;
  /** By range. */
  figures: Kept<RangeFigures>;
}

/** Never rejects, and takes no longer than its limit: state and banner do not wait for a question that hangs. */
export async function currentFigures(
  kept: KeptFigures,
  range: Range,
  sources: Sources,
  keepAlive: KeepAlive,
): Promise<{ present: Present; figures: RangeFigures }> {
  const { nowMs, state } = sources;
  const askPresent = (): Promise<Present> => gatherPresent(sources);
  const askRange = (): Promise<RangeFigures> => gatherRange(range, sources);
  const [present, figures] = await Promise.all([
    kept.present
      .current(presentKey(state), PRESENT_AGES, askPresent, keepAlive)
      .catch(() => noPresent(nowMs)),
    kept.figures
      .current(range.key, agesOf(range), askRange, keepAlive)
      .catch(() => noFigures(nowMs)),
  ]);
  return { present, figures };
}

const LATE = "no answer in time";

function noPresent(nowMs: number): Present {
  const none = { ok: false, problem: LATE } as const;
  const unseen = { kind: "unseen", because: LATE } as const;
  return {
    observations: {
      nowS: Math.floor(nowMs / 1_000),
      health: unseen,
      failures: unseen,
      orphans: unseen,
      lastReductionS: unseen,
    },
    figures: { at: new Date(nowMs).toISOString(), orphans: none, share: none, locations: none },
  };
}

function noFigures(nowMs: number): RangeFigures {
  const none = { ok: false, problem: LATE } as const;
  return {
    at: new Date(nowMs).toISOString(),
    sampled: false,
    requests: none,
    errors: none,
    latency: none,
    histogram: none,
    failures: none,
    error_groups: none,
  };
}

/** Whether each question was answered: what was not is asked again soon, however long the range is kept. */
export function isWhole(figures: RangeFigures | PresentFigures): boolean {
  return Object.values(figures).every((part) => typeof part !== "object" || part.ok !== false);
}

/** Metrics are a minute late anyway: older ones are shown while newer ones come. */
const PRESENT_AGES: Ages = { freshMs: 15_000, shownMs: 45_000 };

function agesOf({ freshS }: Range): Ages {
  return { freshMs: freshS * 1_000, shownMs: 3 * freshS * 1_000 };
}

/** What `gatherPresent` was asked about: after a change it is another question. */
function presentKey(state: ParsedState | null): string {
  if (state === null) return "unread";
  const { config, stop } = state;
  return JSON.stringify([
    config.kind === "valid" ? [config.value.revision, config.value.last_updated] : config.kind,
    stop.kind === "valid" ? [stop.value.active, stop.value.id, stop.value.at] : stop.kind,
    state.capped?.cap.id,
  ]);
}

export interface Present {
  observations: Observations;
  figures: PresentFigures;
}

/** What is judged, and how the change before has arrived. Never rejects. Five questions. */
export async function gatherPresent(sources: Sources): Promise<Present> {
  const { ask, nowMs, policy, entries } = sources;
  const lastReductionS: Observations["lastReductionS"] =
    entries.kind === "unseen" ? entries : { kind: "seen", value: lastReduction(entries.value) };
  const [observations, share, locations] = await Promise.all([
    observeNative(Math.floor(nowMs / 1_000), policy, {
      ask,
      orphans: sources.orphans,
      lastReductionS: Promise.resolve(lastReductionS),
    }),
    sharePanel(sources),
    locationsPanel(sources),
  ]);
  const { limit } = policy.orphanedIntents;
  // The policy's minute is one bucket; a rehearsal's is shorter.
  const minutes = (policy.orphanedIntents.minutes * policy.bucketSeconds) / 60;
  const orphans = panel(observations.orphans, ({ intents, finalized }) => {
    return { intents, finalized, limit, minutes };
  });
  const at = new Date(nowMs).toISOString();
  return { observations, figures: { at, orphans, share, locations } };
}

export function panel<T, U>(seen: Observed<T>, show: (value: T) => U): Panel<U> {
  return seen.kind === "seen"
    ? { ok: true, data: show(seen.value) }
    : { ok: false, problem: seen.because };
}

function requestsOf(
  totals: readonly { cohort: string; requests: number }[],
): Record<"native" | "proxy", number> {
  const of = (cohort: string): number =>
    totals.filter((row) => row.cohort === cohort).reduce((sum, row) => sum + row.requests, 0);
  return { native: of("native"), proxy: of("proxy") };
}

const NO_STATE = "the stored state cannot be read";

async function sharePanel({ nowMs, ask, state }: Sources): Promise<PresentFigures["share"]> {
  if (state === null) return { ok: false, problem: NO_STATE };
  const question = shareQuestion(state, nowMs / 1_000);
  if (question === null) return { ok: false, problem: "no readable config" };
  const { window, revision } = question;
  const rows = await ask((dataset) => shareOfCohorts(dataset, window, revision));
  return panel(rows, (seen) => achievedShare(seen, state, window));
}

/** Since the last change; at most a day. */
async function locationsPanel(sources: Sources): Promise<PresentFigures["locations"]> {
  const { nowMs, ask, state, policy } = sources;
  if (state === null) return { ok: false, problem: NO_STATE };
  const expected = fleetExpectation(state);
  const window = fleetWindow(expected, nowMs);
  const asOfS = Math.floor(nowMs / 1_000) - policy.settleSeconds;
  const rows = await ask((dataset) => locationsByRevision(dataset, window));
  return panel(rows, (seen) => foldFleet([], { rows: seen, fromS: window.fromS, asOfS }, expected));
}
