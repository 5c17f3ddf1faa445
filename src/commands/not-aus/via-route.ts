/**
 * The third rung: the Worker's route is deleted, and visitors reach the legacy origin directly. Only where DNS points
 * there. It asks, alone of all relief: with the route also `/qa`, metrics and guardian are gone. Done means: no `/qa`
 * has the Worker's header any more.
 */

import type { Route } from "../../domain/ladder/routes.ts";
import type { RouteRung } from "../../domain/ladder/rung.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import type { CallOptions } from "../../ports/api.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Outcome, Planned } from "../command.ts";
import { invocation, shellWord } from "../lib/format.ts";
import { lookAtRoutes } from "../lib/look-at-routes.ts";
import { lookEverywhere } from "../lib/look-everywhere.ts";
import { NOT_ASKED, proveLive } from "../lib/prove-live.ts";
import { RUNG_ENTRIES, rungsKnown } from "../lib/rungs-taken.ts";
import { READ_LIMIT_MS, unreachable } from "../lib/stored-state.ts";
import { asUpstream, gaveNoAnswer } from "../lib/write-result.ts";
import {
  type RouteSteps,
  type RungData,
  type RungInput,
  type RungSteps,
  STOP_CHANGES,
} from "./rung-data.ts";
import { beginRung, endRung, keepRungEarly, type RungRun, traceRung } from "./rung-end.ts";

const AS_IT_WAS = "nothing was written; the route is as it was";
type RoutePlanned = Planned<RungSteps, RungData>;

export async function planRoute(input: RungInput, ports: Ports): Promise<RoutePlanned> {
  const { zone, legacyHosts } = ports.target;
  if (zone === null || legacyHosts.length === 0) {
    const what = zone === null ? "zone" : "legacyHosts";
    return refusal(`pixcanary.json names no ${what} for this environment`, ports);
  }
  const signal = anySignal([ports.clock.timeout(READ_LIMIT_MS), ports.interrupt]);
  try {
    const zoneId = await ports.routes.zone(zone, { signal });
    return await planIn({ zone, zoneId }, input, ports, signal);
  } catch (error) {
    const failure = asUpstream(error);
    const next = gaveNoAnswer(failure) ? { next: invocation(ports.target, "not-aus") } : {};
    return {
      kind: "ended",
      outcome: { ...unreachable(failure, ports), truth: AS_IT_WAS, ...next },
    };
  }
}

async function planIn(
  at: { zone: string; zoneId: string },
  input: RungInput,
  ports: Ports,
  signal: AbortSignal,
): Promise<RoutePlanned> {
  const { worker } = ports.target;
  const { planned, records } = await lookAtRoutes(at.zoneId, ports, signal);
  if (planned.kind === "refused") {
    const already = planned.none === true ? await deletedBefore(at, ports, signal) : null;
    return already ?? refusal(planned.why, ports);
  }
  const patterns = planned.routes.map(({ pattern }) => pattern).join(",");
  const { confirmRoute } = input;
  if (confirmRoute !== undefined && !isConfirmed(planned.routes, confirmRoute)) {
    return refusal(`--confirm-route is not ${patterns}`, ports);
  }
  return {
    kind: "plan",
    risk: "relief",
    ...(confirmRoute === undefined
      ? { asks: question(patterns, ports), unseen: unseen(patterns, ports) }
      : {}),
    changes: [
      ...planned.routes.map(({ pattern }) => {
        return { what: "route", before: `${pattern} leads to ${worker}`, after: "deleted" };
      }),
      ...STOP_CHANGES,
    ],
    notes: [
      ...planned.hosts.map((host) => {
        const to = (records.get(host) ?? []).map(({ content }) => content).join(", ");
        return `then ${host} answers from ${to}, the legacy origin, without this Worker`;
      }),
      "no /qa, no metrics and no guardian until restore puts the route back",
    ],
    steps: { via: "route", ...at, routes: planned.routes, gone: null },
  };
}

/** Each that goes was named, in any order; one that was named and is gone already does no harm. */
function isConfirmed(routes: readonly Route[], confirmed: string): boolean {
  const named = new Set([confirmed, ...confirmed.split(",")]);
  const joined = routes.map(({ pattern }) => pattern).join(",");
  return named.has(joined) || routes.every(({ pattern }) => named.has(pattern));
}

const question = (patterns: string, { target }: Ports): string =>
  `delete the route ${patterns} in ${target.env}?`;

/** A second time: by the journal, or by what answers in the Worker's place. Null: it has not been deleted. */
async function deletedBefore(
  at: { zone: string; zoneId: string },
  ports: Ports,
  signal: AbortSignal,
): Promise<RoutePlanned | null> {
  const [{ entries }, sightings] = await Promise.all([
    ports.journal.recent(RUNG_ENTRIES, { signal }),
    lookEverywhere(ports, "cached", signal),
  ]);
  const { route, bypassedSeen } = rungsKnown(entries, sightings);
  const ofZone = route !== null && route.rung.zoneId === at.zoneId ? route.rung.routes : [];
  if (ofZone.length === 0 && !bypassedSeen) return null;
  return {
    kind: "plan",
    risk: "relief",
    changes: STOP_CHANGES,
    notes: ["the route is deleted already: nothing to delete"],
    steps: { via: "route", ...at, routes: [], gone: ofZone },
  };
}

function refusal(message: string, ports: Ports): Extract<RoutePlanned, { kind: "ended" }> {
  const next = invocation(ports.target, "not-aus --via version");
  const truth = AS_IT_WAS;
  return { kind: "ended", outcome: { kind: "failed", code: "usage", message, truth, next } };
}

/** `--yes` is typed by habit, and by scripts. */
function unseen(patterns: string, { target }: Ports): Outcome<never> {
  return {
    kind: "failed",
    code: "usage",
    message: "a route is deleted only on a terminal, or with --confirm-route and its pattern",
    truth: AS_IT_WAS,
    next: invocation(target, `not-aus --via route --confirm-route ${shellWord(patterns)}`),
  };
}

export async function takeRoute(
  steps: RouteSteps,
  input: RungInput,
  ports: Ports,
): Promise<Outcome<RungData>> {
  const { zone, zoneId, gone } = steps;
  const kept = gone ?? steps.routes.map(({ pattern, script }) => ({ pattern, script }));
  const patterns = kept.map(({ pattern }) => pattern).join(",");
  const confirmed = gone === null ? ` --confirm-route ${shellWord(patterns)}` : "";
  const again = `not-aus --via route${confirmed}`;
  const { run, call, startedMs, signal } = beginRung("route", again, input, ports);
  const rung: RouteRung = { via: "route", action: "taken", zone, zoneId, routes: kept };
  await keepRungEarly(run, rung);
  const { error: failure, removed } = await removeAll(steps, ports, call);
  const left = failure === null ? [] : await leftOf(steps, removed, ports, call);
  if (failure !== null && failure.kind !== "ambiguous" && left.length > 0) {
    return endInPart(run, rung, left, failure);
  }
  const error = left.length === 0 ? null : failure;
  if (error === null && gone === null) {
    ports.progress.stage({ kind: "written", what: "route", elapsedMs: run.elapsed() });
  }
  const expected = { emergency: true, bypassed: true } as const;
  const proof = input.verify
    ? await proveLive(ports, expected, { signal, startedMs, what: "route" })
    : NOT_ASKED;
  const taken = { rung, proof, sure: error === null };
  const note = gone === null ? `route ${patterns} deleted` : "the route was deleted before";
  await traceRung(run, taken, note);
  return endRung(run, { kind: "taken", ...taken, already: gone !== null });
}

/** One was refused: those before it are gone all the same, and for `restore` to put back. */
async function endInPart(
  run: RungRun,
  rung: RouteRung,
  left: readonly Route[],
  error: UpstreamError,
): Promise<Outcome<RungData>> {
  const problem = error.message;
  const patterns = left.map(({ pattern }) => pattern);
  const routes = rung.routes.filter(({ pattern }) => !patterns.includes(pattern));
  if (routes.length === 0) return endRung(run, { kind: "not-taken", problem, error });
  const part = { ...rung, routes };
  const note = `route ${routes.map(({ pattern }) => pattern).join(",")} deleted; FAILED: ${problem}`;
  await traceRung(run, { rung: part, proof: NOT_ASKED, sure: true }, note);
  return endRung(run, { kind: "in-part", rung: part, left: patterns, problem, error });
}

/** How many were removed, and what the next one met; null when all are gone. */
async function removeAll(
  { zoneId, routes }: RouteSteps,
  ports: Ports,
  call: CallOptions,
): Promise<{ removed: number; error: UpstreamError | null }> {
  let removed = 0;
  try {
    for (const { id } of routes) {
      await ports.routes.remove(zoneId, id, call);
      removed += 1;
    }
    return { removed, error: null };
  } catch (thrown) {
    return { removed, error: asUpstream(thrown) };
  }
}

/** Those that are there; where the account does not say, all that were not removed. */
async function leftOf(
  { zoneId, routes }: RouteSteps,
  removed: number,
  ports: Ports,
  call: CallOptions,
): Promise<readonly Route[]> {
  try {
    const now = await ports.routes.list(zoneId, call);
    return routes.filter(({ id }) => now.some((route) => route.id === id));
  } catch {
    return routes.slice(removed);
  }
}
