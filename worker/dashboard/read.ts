/** What the dashboard shows, read and asked for by the Worker: KV at this location, metrics, its own backends. */
import { dashboardOf } from "../../src/domain/dashboard/assemble.ts";
import type { DashboardDocument, RangeFigures } from "../../src/domain/dashboard/document.ts";
import type { Present } from "../../src/domain/dashboard/figures.ts";
import {
  agesOf,
  gatherPresent,
  gatherRange,
  PRESENT_AGES,
  presentKey,
} from "../../src/domain/dashboard/figures.ts";
import type { Range } from "../../src/domain/dashboard/range.ts";
import { months } from "../../src/domain/dashboard/range.ts";
import type { KeepAlive } from "../../src/domain/lib/kept.ts";
import type { Observed } from "../../src/domain/policy/observations.ts";
import { isOver, parseRamp } from "../../src/domain/ramp/document.ts";
import type { LookedAt, Ping } from "../../src/domain/situation/known.ts";
import { nextText } from "../../src/domain/situation/next-text.ts";
import type { EffectiveState } from "../../src/domain/state/isolate-memory.ts";
import type { JournalEntry } from "../../src/domain/state/journal.ts";
import { oddKeys } from "../../src/domain/state/odd-keys.ts";
import type { ParsedState, RawState } from "../../src/domain/state/state.ts";
import { isEmergency, parseState } from "../../src/domain/state/state.ts";
import type { Deps } from "../deps.ts";
import type { Bindings } from "../env.ts";
import { entriesOfMonths, readState, readTexts } from "../guardian/kv.ts";
import { askOf, orphansOf } from "../guardian/observe.ts";

export interface ReadGiven {
  env: Bindings;
  deps: Deps;
  colo: string | null;
  keepAlive: KeepAlive;
}

/** What was done last is worth a short wait. */
const ENTRIES_AGES = { freshMs: 4_000, shownMs: 4_000 };

/** Rejects only where nothing at all can be said: neither figures nor why there are none. */
export async function readDashboard(range: Range, given: ReadGiven): Promise<DashboardDocument> {
  const { deps, colo, keepAlive } = given;
  const { settings, dashboard } = deps;
  const nowMs = deps.now();
  const { policy } = settings.guardian;
  const [texts, effective, health, entries] = await Promise.all([
    textsIn(given),
    deps.state.fresh(keepAlive),
    deps.health.full({ env: given.env, settings, waitUntil: keepAlive }),
    entriesIn(range, given),
  ]);
  const state = texts === null ? null : parseState(texts.raw);
  const ask = askOf(settings);
  const nowS = Math.floor(nowMs / 1_000);
  const sources = { nowMs, ask, state, entries, policy };
  const orphans = (window: Parameters<typeof orphansOf>[2]) =>
    orphansOf({ env: given.env, waitUntil: keepAlive }, ask, window, nowS);
  const [present, figures] = await Promise.all([
    dashboard.present.current(
      presentKey(state),
      PRESENT_AGES,
      (): Promise<Present> => gatherPresent({ ...sources, orphans }),
      keepAlive,
    ),
    dashboard.figures.current(
      range.key,
      agesOf(range),
      (): Promise<RangeFigures> => gatherRange(range, sources),
      keepAlive,
    ),
  ]);
  const ramp = parseRamp(texts?.side.ramp ?? null);
  const environment = settings.notify.env;
  return dashboardOf({
    nowMs,
    environment,
    place: colo ?? "the Worker",
    policy,
    hasMetrics: settings.analytics !== null,
    onCall: null,
    state,
    odd: texts === null ? [] : oddKeys(texts.raw, texts.side, nowMs),
    looks: [lookOf(effective, state, health, colo)],
    ramp: ramp === null || isOver(ramp) ? null : ramp,
    entries,
    observations: present.observations,
    present: present.figures,
    range,
    figures,
    commandText: (next) => nextText(next, { env: environment, configPath: null }),
  });
}

/** Null when KV does not answer. */
async function textsIn({
  env,
}: ReadGiven): Promise<{ raw: RawState; side: Awaited<ReturnType<typeof readTexts>> } | null> {
  const kv = env.KV_CANARY_CONFIG;
  if (kv === undefined) return null;
  try {
    const [raw, side] = await Promise.all([readState(kv), readTexts(kv)]);
    return { raw, side };
  } catch {
    return null;
  }
}

/** Of the months that the range touches, and of this one. */
async function entriesIn(
  range: Range,
  { env, deps, keepAlive }: ReadGiven,
): Promise<Observed<readonly JournalEntry[]>> {
  const kv = env.KV_CANARY_CONFIG;
  if (kv === undefined) return { kind: "unseen", because: "KV_CANARY_CONFIG is not bound" };
  const wanted = months(range.window, deps.now());
  try {
    const value = await deps.dashboard.entries.current(
      wanted.join(),
      ENTRIES_AGES,
      () => entriesOfMonths(kv, wanted, range.window),
      keepAlive,
    );
    return { kind: "seen", value };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { kind: "unseen", because: why };
  }
}

/** `current`: this isolate decides by what KV holds here. */
function lookOf(
  { emergency, source, config }: EffectiveState,
  state: ParsedState | null,
  health: Awaited<ReturnType<Deps["health"]["full"]>>,
  colo: string | null,
): LookedAt {
  const ping = ({ status, problem }: { status: string; problem: string | null }): Ping => {
    if (status === "failing") return { kind: "fails", problem: problem ?? "" };
    return { kind: status === "healthy" ? "answers" : "unknown" };
  };
  return {
    place: colo ?? "here",
    emergency: source === "none" ? null : emergency,
    current: state === null ? null : isSame(state, { emergency, config }),
    native: ping(health.native),
    proxy: ping(health.proxy),
  };
}

function isSame(
  state: ParsedState,
  { emergency, config }: Pick<EffectiveState, "emergency" | "config">,
): boolean {
  if (isEmergency(state) || emergency) return isEmergency(state) === emergency;
  const stored = state.config.kind === "valid" ? state.config.value : null;
  return stored?.revision === config?.revision && stored?.canary_percent === config?.canary_percent;
}
