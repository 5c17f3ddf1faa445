/** What the dashboard shows, read and asked for by this machine: it must work when the Worker is the problem. */
import { dashboardOf } from "../../domain/dashboard/assemble.ts";
import type { DashboardDocument, RangeFigures } from "../../domain/dashboard/document.ts";
import type { KeptFigures, Sources } from "../../domain/dashboard/figures.ts";
import { currentFigures, isWhole } from "../../domain/dashboard/figures.ts";
import { MOST_ENTRIES, type Range } from "../../domain/dashboard/range.ts";
import { openRungs } from "../../domain/ladder/rung.ts";
import { takenRungs } from "../../domain/ladder/shown.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { createKept } from "../../domain/lib/kept.ts";
import { isOver, parseRamp, RAMP_KEY } from "../../domain/ramp/document.ts";
import { nextText } from "../../domain/situation/next-text.ts";
import { oddKeys } from "../../domain/state/odd-keys.ts";
import type { Ports } from "../../ports/ports.ts";
import { askOf } from "../lib/ask-metrics.ts";
import { lookEverywhere } from "../lib/look-everywhere.ts";
import { uncaughtIn } from "../lib/native-health.ts";
import { lookedAt, pingsIn } from "../lib/situation.ts";
import { READ_LIMIT_MS, readBase } from "../lib/stored-state.ts";

const FIGURES_LIMIT_MS = 8_000;

export interface DashboardReader {
  /** What did not come in time is a panel that says so. */
  read(range: Range): Promise<DashboardDocument>;
}

export function createDashboardReader(ports: Ports): DashboardReader {
  const { clock, interrupt } = ports;
  const times = {
    now: () => clock.now(),
    limited: <T>(limitMs: number, work: Promise<T>): Promise<T> =>
      Promise.race([
        work,
        clock.sleep(limitMs, interrupt).then(() => {
          throw new Error(`no answer within ${limitMs / 1_000} s`);
        }),
      ]),
  };
  const kept: KeptFigures = {
    present: createKept(FIGURES_LIMIT_MS, times, ({ figures }) => isWhole(figures)),
    figures: createKept<RangeFigures>(FIGURES_LIMIT_MS, times, isWhole),
  };
  return { read: (range) => read(range, ports, kept) };
}

async function read(range: Range, ports: Ports, kept: KeptFigures): Promise<DashboardDocument> {
  const { clock, interrupt, target } = ports;
  const signal = anySignal([clock.timeout(READ_LIMIT_MS), interrupt]);
  const [base, sightings, journal, rampText] = await Promise.all([
    readBase(ports, signal),
    lookEverywhere(ports, "full", signal),
    ports.journal.recent(MOST_ENTRIES, { signal }),
    ports.documents.get(RAMP_KEY, { signal }).catch(() => null),
  ]);
  const state = "state" in base ? base.state : null;
  const [problem] = journal.warnings;
  const entries: Sources["entries"] =
    problem === undefined || journal.entries.length > 0
      ? { kind: "seen", value: journal.entries }
      : { kind: "unseen", because: problem };
  const nowMs = clock.now();
  const rungs = takenRungs(openRungs(journal.entries), sightings);
  const { policy } = target;
  const ask = askOf(ports.metrics, anySignal([clock.timeout(FIGURES_LIMIT_MS), interrupt]));
  const nowS = Math.floor(nowMs / 1_000);
  const sources: Sources = {
    nowMs,
    ask,
    orphans: (window) => uncaughtIn(window, { ask, nowS, policy, entries: journal.entries }),
    state,
    entries,
    policy,
  };
  const goOn = (): void => undefined;
  const { present, figures } = await currentFigures(kept, range, sources, goOn);
  const ramp = parseRamp(rampText);
  return dashboardOf({
    nowMs,
    environment: target.env,
    place: "this machine",
    policy,
    hasMetrics: target.dataset !== null,
    onCall: target.contacts.onCall,
    state,
    odd: "state" in base ? oddIn(base, nowMs) : [],
    looks: sightings.map((one) => lookedAt(one, state, pingsIn(one), rungs)),
    rungs,
    ramp: ramp === null || isOver(ramp) ? null : ramp,
    entries,
    told: entries,
    observations: present.observations,
    present: present.figures,
    range,
    figures,
    commandText: (next) => nextText(next, target),
  });
}

type Base = Extract<Awaited<ReturnType<typeof readBase>>, { state: unknown }>;

function oddIn({ configText, stopText, shareText }: Base, nowMs: number): string[] {
  const raw = { config: configText, stop: stopText, rampShare: shareText, cap: null };
  return oddKeys(raw, { guardian: null, arm: null, ramp: null, control: null }, nowMs);
}
