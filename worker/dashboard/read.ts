/** What the dashboard shows, read and asked for by the Worker: KV at this location, metrics, its own backends. */
import { dashboardOf } from "../../src/domain/dashboard/assemble.ts";
import type { DashboardDocument } from "../../src/domain/dashboard/document.ts";
import type { Sources } from "../../src/domain/dashboard/figures.ts";
import { currentFigures } from "../../src/domain/dashboard/figures.ts";
import type { Past, Range } from "../../src/domain/dashboard/range.ts";
import { pastOfNow, pastOfRange } from "../../src/domain/dashboard/range.ts";
import { openRungs } from "../../src/domain/ladder/rung.ts";
import type { TakenRung } from "../../src/domain/ladder/shown.ts";
import type { KeepAlive } from "../../src/domain/lib/kept.ts";
import type { Observed } from "../../src/domain/policy/observations.ts";
import { isOver, parseRamp } from "../../src/domain/ramp/document.ts";
import type { LookedAt } from "../../src/domain/situation/known.ts";
import { nextText } from "../../src/domain/situation/next-text.ts";
import { pingIn } from "../../src/domain/situation/ping.ts";
import type { EffectiveState } from "../../src/domain/state/isolate-memory.ts";
import type { JournalEntry } from "../../src/domain/state/journal.ts";
import { oddKeys } from "../../src/domain/state/odd-keys.ts";
import type { ParsedState, RawState } from "../../src/domain/state/state.ts";
import { isEmergency, parseState } from "../../src/domain/state/state.ts";
import type { Deps } from "../deps.ts";
import type { Bindings } from "../env.ts";
import { entriesOfPast, readState, readTexts } from "../guardian/kv.ts";
import { askOf, orphansOf } from "../guardian/observe.ts";

export interface ReadGiven {
  env: Bindings;
  deps: Deps;
  colo: string | null;
  keepAlive: KeepAlive;
}

/** What was done last is worth a short wait. */
const ENTRIES_AGES = { freshMs: 4_000, shownMs: 4_000 };

/** Never rejects: what did not come in time is a panel that says so. */
export async function readDashboard(range: Range, given: ReadGiven): Promise<DashboardDocument> {
  const { deps, colo, keepAlive } = given;
  const { settings, dashboard } = deps;
  const nowMs = deps.now();
  const { policy } = settings.guardian;
  const nowS = Math.floor(nowMs / 1_000);
  const past = pastOfRange(range, nowS);
  const [texts, effective, health, entries, older] = await Promise.all([
    textsIn(given),
    deps.state.fresh(keepAlive),
    deps.health.full({ env: given.env, settings, waitUntil: keepAlive }),
    entriesIn(pastOfNow(nowS), given),
    past === null ? null : entriesIn(past, given),
  ]);
  const state = texts === null ? null : parseState(texts.raw);
  const ask = askOf(settings);
  const orphans: Sources["orphans"] = (window) =>
    orphansOf({ env: given.env, waitUntil: keepAlive }, ask, window, nowS);
  const sources = { nowMs, ask, orphans, state, entries, policy };
  const { present, figures } = await currentFigures(dashboard, range, sources, keepAlive);
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
    rungs: settings.proxyOnly ? [proxyOnlyRung(entries)] : [],
    ramp: ramp === null || isOver(ramp) ? null : ramp,
    entries,
    told: older ?? entries,
    observations: present.observations,
    present: present.figures,
    range,
    figures,
    commandText: (next) => nextText(next, { env: environment, configPath: null }),
  });
}

/** By what this Worker is; where the route is deleted, it shows its page to nobody. */
function proxyOnlyRung(entries: Observed<readonly JournalEntry[]>): TakenRung {
  const { version } = openRungs(entries.kind === "seen" ? entries.value : []);
  return { via: "version", patterns: [], at: version?.at ?? null, by: version?.by ?? null };
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

async function entriesIn(
  past: Past,
  { env, deps, keepAlive }: ReadGiven,
): Promise<Observed<readonly JournalEntry[]>> {
  const kv = env.KV_CANARY_CONFIG;
  if (kv === undefined) return { kind: "unseen", because: "KV_CANARY_CONFIG is not bound" };
  try {
    const value = await deps.dashboard.entries.current(
      past.key,
      ENTRIES_AGES,
      () => entriesOfPast(kv, past),
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
  return {
    place: colo ?? "here",
    emergency: source === "none" ? null : emergency,
    current: state === null ? null : isSame(state, { emergency, config }),
    native: pingIn(health.native),
    proxy: pingIn(health.proxy),
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
