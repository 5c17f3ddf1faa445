/**
 * The achieved against the configured share. Only visitors drawn anew can show it: whoever has a
 * cookie keeps an older draw, so the share of all requests follows a change for up to a day.
 */

import { timeOf } from "../lib/time.ts";
import type { ShareRow, Window } from "../metrics/queries.ts";
import { isPlainText } from "../metrics/queries.ts";
import type { Verdict } from "../policy/verdict.ts";
import type { ParsedState } from "../state/state.ts";
import { isEmergency } from "../state/state.ts";

const HOUR_S = 3_600;
/** Locations take over a change within a minute or two; until then they draw by the old share. */
const TAKEOVER_S = 120;
/** Four standard deviations: a share that is right is called wrong in 1 of 16,000 looks. */
const SIGMAS = 4;
/** In the rarer cohort, for the binomial to be near a normal distribution; a usual rule of thumb. */
const MIN_EXPECTED = 10;
/** At 0 % and 100 % nothing is left to chance: so many draws say that it works. */
const MIN_CERTAIN = 30;

export interface ShareQuestion {
  window: Window;
  /** What decided them; undefined: everything in the window. */
  revision: string | undefined;
}

export interface AchievedShare {
  /** In percent, as stored; null when there is no readable configuration. */
  configured: number | null;
  /** In percent of new visitors; null when nobody was drawn. */
  achieved: number | null;
  /** How far chance alone may take `achieved` from `configured` (4 σ), in percentage points. */
  tolerance: number | null;
  /** New visitors behind `achieved`. */
  sampled: number;
  /** Native's share of all requests in percent; null without any. */
  of_requests: number | null;
  requests: number;
  window: Window;
  verdict: Verdict;
  /** Why, in plain words. */
  detail: string;
}

/** Since the last change of `config`, at most an hour back; null without a readable one. */
export function shareQuestion({ config, capped }: ParsedState, nowS: number): ShareQuestion | null {
  if (config.kind !== "valid") return null;
  const { revision, last_updated: lastUpdated } = config.value;
  const toS = Math.floor(nowS) + 1;
  const changedS = Math.floor(Date.parse(lastUpdated) / 1_000);
  const known = revision !== undefined && isPlainText(revision);
  const sinceS = Number.isNaN(changedS) ? toS - HOUR_S : changedS + (known ? 0 : TAKEOVER_S);
  const cappedS = Math.floor(timeOf(capped?.cap.at) / 1_000) + TAKEOVER_S;
  const fromS = Math.min(Math.max(sinceS, cappedS, toS - HOUR_S, 0), toS);
  return { window: { fromS, toS }, revision: known ? revision : undefined };
}

/** Of the rows for `shareQuestion`. */
export function achievedShare(
  rows: readonly ShareRow[],
  state: ParsedState,
  window: Window,
): AchievedShare {
  const configured = state.config.kind === "valid" ? state.config.value.canary_percent : null;
  const [native, proxy] = [cohortOf(rows, "native"), cohortOf(rows, "proxy")];
  const sampled = native.sampled + proxy.sampled;
  const requests = native.requests + proxy.requests;
  const seen = {
    configured,
    achieved: sampled > 0 ? (native.sampled * 100) / sampled : null,
    sampled,
    of_requests: requests > 0 ? (native.requests * 100) / requests : null,
    requests,
    window,
  };
  if (configured === null) return nothing(seen, "no readable config");
  if (isEmergency(state)) return nothing(seen, "an emergency is on: no visitor is sampled");
  if (seen.achieved === null) return nothing(seen, "no new visitor since the share was set");
  const share = configured / 100;
  const sigma = standardDeviation(share, native, proxy);
  const weight = (native.squares + proxy.squares) / sampled;
  const judged = judge(seen.achieved / 100, share, sigma, { n: sampled, weight });
  return { ...seen, tolerance: SIGMAS * sigma * 100, ...judged };
}

/** Nothing could be asked, or nothing came back. */
export function unknownShare(state: ParsedState | null, because: string): AchievedShare {
  const configured = state?.config.kind === "valid" ? state.config.value.canary_percent : null;
  const window = { fromS: 0, toS: 0 };
  const none = { achieved: null, sampled: 0, of_requests: null, requests: 0, window };
  return nothing({ configured, ...none }, because);
}

type Seen = Omit<AchievedShare, "tolerance" | "verdict" | "detail">;

function nothing(seen: Seen, detail: string): AchievedShare {
  return { ...seen, tolerance: null, verdict: "no_data", detail };
}

type Counts = Pick<ShareRow, "sampled" | "squares" | "requests">;

function cohortOf(rows: readonly ShareRow[], cohort: ShareRow["cohort"]): Counts {
  return rows.find((row) => row.cohort === cohort) ?? { sampled: 0, squares: 0, requests: 0 };
}

/**
 * Of the achieved share, were the configured one right: p(1 − p)/n for the draws, and on top what the
 * sampling of data points adds. Points are kept one in k per cohort, so a count N has the variance
 * N(k − 1); the delta method takes those of both counts to their share. Σw²/Σw is k.
 */
function standardDeviation(share: number, native: Counts, proxy: Counts): number {
  const n = native.sampled + proxy.sampled;
  const both = (native.squares + proxy.squares) / n;
  const interval = ({ sampled, squares }: Counts): number =>
    sampled > 0 ? squares / sampled : both;
  const lost = (part: number, counts: Counts): number => part * Math.max(0, interval(counts) - 1);
  const sampling = (1 - share) ** 2 * lost(share, native) + share ** 2 * lost(1 - share, proxy);
  return Math.sqrt((share * (1 - share) + sampling) / n);
}

/** `weight`: how many visitors one recorded draw stands for. */
function judge(
  achieved: number,
  share: number,
  sigma: number,
  { n, weight }: { n: number; weight: number },
): Pick<AchievedShare, "verdict" | "detail"> {
  const certain = share === 0 || share === 1;
  // Unsampled: n · p ≥ 10 (1 − p).
  const near = Math.min(share, 1 - share) >= Math.sqrt(MIN_EXPECTED) * sigma;
  const enough = certain ? n >= MIN_CERTAIN * weight : near;
  const off = Math.abs(achieved - share);
  if (off > SIGMAS * sigma) {
    const plain = certain || enough || off * n >= MIN_EXPECTED * weight;
    if (plain)
      return { verdict: "fail", detail: "further off the configured share than chance explains" };
    return { verdict: "inconclusive", detail: "off, but too few visitors to be sure" };
  }
  if (!enough) return { verdict: "inconclusive", detail: "too few new visitors to judge" };
  return { verdict: "pass", detail: "as configured, within chance" };
}
