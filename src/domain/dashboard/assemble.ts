/** Everything that the page shows, from what was read and asked. */
import type { TakenRung } from "../ladder/shown.ts";
import { evaluate } from "../policy/evaluate.ts";
import type { Policy } from "../policy/numbers.ts";
import type { Observations, Observed } from "../policy/observations.ts";
import { coloName } from "../proof/colo-name.ts";
import { isBehind } from "../proof/fleet.ts";
import type { RampDocument } from "../ramp/document.ts";
import { isBlind, judged } from "../situation/judged.ts";
import type {
  Figures as JudgedFigures,
  LookedAt,
  Next,
  Ping,
  Situation,
} from "../situation/known.ts";
import { NOT_ASKED } from "../situation/known.ts";
import { situationOf } from "../situation/situation.ts";
import type { JournalEntry } from "../state/journal.ts";
import type { ParsedState } from "../state/state.ts";
import { bannerOf } from "./banner.ts";
import type {
  Advice,
  Backend,
  DashboardDocument,
  PresentFigures,
  RangeFigures,
} from "./document.ts";
import { DASHBOARD_SCHEMA } from "./document.ts";
import { panel } from "./figures.ts";
import type { Range } from "./range.ts";
import { presentShare, timelineOf } from "./timeline.ts";

export interface Seen {
  nowMs: number;
  environment: string;
  place: string;
  policy: Policy;
  hasMetrics: boolean;
  /** Of the legacy origin's team. */
  onCall: string | null;
  state: ParsedState | null;
  /** What in KV cannot be read, or not be believed. */
  odd: readonly string[];
  looks: readonly LookedAt[];
  /** Those of the ladder that are taken, as far as can be told from where the page is made. */
  rungs: readonly TakenRung[];
  /** Under way. */
  ramp: RampDocument | null;
  /** The newest, in order of time: what banner and advice go by. */
  entries: Observed<readonly JournalEntry[]>;
  /** Up to the end of the range, in order of time: what the timeline shows. */
  told: Observed<readonly JournalEntry[]>;
  observations: Observations;
  present: PresentFigures;
  range: Range;
  figures: RangeFigures;
  /** As it is typed where the page is looked at. */
  commandText(next: Next): string;
}

export function dashboardOf(seen: Seen): DashboardDocument {
  const { nowMs, environment, place, range, looks, entries, present, figures } = seen;
  const known = entries.kind === "seen" ? entries.value : null;
  const shown = looks.some(({ emergency }) => emergency === true);
  const { window, key, bucketS } = range;
  return {
    schema: DASHBOARD_SCHEMA,
    at: new Date(nowMs).toISOString(),
    environment,
    place,
    range: { key, from_s: window.fromS, to_s: window.toS, bucket_s: bucketS },
    banner: bannerOf({ ...seen, entries: known, shown }),
    advice: adviceOf(situationIn(seen), seen),
    backends: backendsOf(seen.looks),
    present,
    figures,
    timeline: panel(seen.told, (told) =>
      timelineOf(range, nowMs / 1_000, { entries: told, present: presentShare(seen.state) }),
    ),
  };
}

function situationIn(seen: Seen): Situation {
  const { nowMs, state, looks, rungs, ramp, odd, hasMetrics, onCall, present, entries } = seen;
  const { share, locations } = present;
  const behind = locations.ok ? locations.data.filter(isBehind) : [];
  return situationOf({
    ...NOT_ASKED,
    nowMs,
    state,
    looks,
    rungs,
    ramp,
    odd,
    hasMetrics,
    onCall,
    figures: judgedFigures(seen),
    share: share.ok ? share.data.verdict : "no_data",
    behind: behind.map(({ colo }) => coloName(colo)),
    unread: entries.kind === "seen" ? [] : [`journal: ${entries.because}`],
  });
}

/** A text where the metrics did not answer at all: why. */
function judgedFigures({ observations, policy }: Seen): JudgedFigures | string {
  const { health } = observations;
  if (health.kind === "unseen" && isBlind(observations)) return health.because;
  return judged(evaluate(observations, policy), observations, policy);
}

function adviceOf({ mark, headline, concerns, next }: Situation, seen: Seen): Advice {
  return {
    mark,
    headline,
    concerns: concerns.slice(1).map((one) => ({ mark: one.mark, text: one.text })),
    next: { kind: next.kind, text: seen.commandText(next) },
  };
}

/** A backend fails if any place says so, and is healthy if all that say anything do. */
function backendsOf(looks: readonly LookedAt[]): DashboardDocument["backends"] {
  const of = (pings: readonly Ping[]): Backend => {
    const failing = pings.find((ping) => ping.kind === "fails");
    if (failing !== undefined) return { status: "failing", problem: failing.problem };
    const answers = pings.some(({ kind }) => kind === "answers");
    return { status: answers ? "healthy" : "unknown", problem: null };
  };
  return {
    native: of(looks.map(({ native }) => native)),
    proxy: of(looks.map(({ proxy }) => proxy)),
  };
}
