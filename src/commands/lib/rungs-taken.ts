/** Which rungs of the ladder are taken: by the journal, by what `/qa` shows, and by the account itself. */
import {
  proxyOnlyIn,
  type Share,
  servesAny,
  shortId,
  splitText,
} from "../../domain/ladder/proxy-only.ts";
import type { Route } from "../../domain/ladder/routes.ts";
import { type OpenRungs, openRungs } from "../../domain/ladder/rung.ts";
import {
  type AccountRungs,
  isBypassed,
  type TakenRung,
  takenRungs,
} from "../../domain/ladder/shown.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import type { JournalEntry } from "../../domain/state/journal.ts";
import type { CallOptions } from "../../ports/api.ts";
import type { Ports } from "../../ports/ports.ts";
import { timeWithAge } from "./format.ts";

/** What can be known without asking the account. */
export interface RungsKnown extends OpenRungs {
  /** `/qa` of some location comes from the proxy-only version. */
  proxyOnlySeen: boolean;
  /** No `/qa` has the Worker's header, and none failed: the legacy origin answers for it. */
  bypassedSeen: boolean;
}

export function rungsKnown(
  entries: readonly JournalEntry[],
  sightings: readonly Sighting[],
): RungsKnown {
  return {
    ...openRungs(entries),
    proxyOnlySeen: sightings.some(({ qa }) => qa?.proxy_only === true),
    bypassedSeen: sightings.length > 0 && sightings.every(isBypassed),
  };
}

export function anyRung({ version, route, proxyOnlySeen, bypassedSeen }: RungsKnown): boolean {
  return version !== null || route !== null || proxyOnlySeen || bypassedSeen;
}

/** A line for each; none where there is nothing but a plain stop. `taken`: those that are taken now. */
export function rungLines(known: RungsKnown, taken: readonly TakenRung[], nowMs: number): string[] {
  const { version, route, bypassedSeen } = known;
  const isTaken = (via: TakenRung["via"]): boolean => taken.some((rung) => rung.via === via);
  const now = (via: TakenRung["via"]): string =>
    isTaken(via) ? "until restore" : "and put back since, by hand";
  const lines: string[] = [];
  if (version !== null) {
    const { rung, at, by } = version;
    const before = rung.before === null ? "" : `; before: ${splitText(rung.before)}`;
    lines.push(
      `${timeWithAge(at, nowMs)}: proxy-only version ${shortId(rung.versionId)} deployed by ${by}, ${now("version")}${before}`,
    );
  } else if (isTaken("version")) {
    lines.push("proxy-only version deployed; the journal does not say when, or by whom");
  }
  if (route !== null) {
    const { rung, at, by } = route;
    const patterns = rung.routes.map(({ pattern }) => pattern).join(", ");
    lines.push(`${timeWithAge(at, nowMs)}: route ${patterns} deleted by ${by}, ${now("route")}`);
  } else if (bypassedSeen) {
    lines.push("no /qa has the Worker's header, and the journal tells of no deleted route");
  }
  return lines;
}

/** Of the journal, for who is about to take a rung or to put one back: all that was done in an incident. */
export const RUNG_ENTRIES = 200;

/** A rung is worth a short wait: without the account's answer, journal and locations count. */
const ACCOUNT_LIMIT_MS = 3_000;

/** Asks the account where there is anything to ask. Never throws. */
export async function rungsNow(
  known: RungsKnown,
  sightings: readonly Sighting[],
  ports: Ports,
  signal: AbortSignal,
): Promise<TakenRung[]> {
  if (known.version === null && known.route === null) return takenRungs(known, sightings);
  const limit = anySignal([ports.clock.timeout(ACCOUNT_LIMIT_MS), signal]);
  const account = await rungsTaken(known, ports, { signal: limit }).then(accountRungs, () => null);
  return takenRungs(known, sightings, account);
}

/** What the account shows to be taken now. */
export interface RungsTaken {
  version: { id: string; before: readonly Share[] | null } | null;
  route: { zone: string; zoneId: string; missing: readonly Omit<Route, "id">[] } | null;
}

export function accountRungs({ version, route }: RungsTaken): NonNullable<AccountRungs> {
  return { version: version !== null, route: route !== null };
}

/** Throws UpstreamError. What the journal does not say is looked for in the account's own history. */
export async function rungsTaken(
  known: RungsKnown,
  ports: Ports,
  call: CallOptions,
): Promise<RungsTaken> {
  const wantsVersion = known.version !== null || known.proxyOnlySeen || known.bypassedSeen;
  const [version, route] = await Promise.all([
    wantsVersion ? versionTaken(known, ports, call) : null,
    known.route === null ? null : routeTaken(known.route.rung, ports, call),
  ]);
  return { version, route };
}

async function versionTaken(
  { version: journaled }: RungsKnown,
  { deployments }: Ports,
  call: CallOptions,
): Promise<RungsTaken["version"]> {
  const [list, versions] = await Promise.all([deployments.list(call), deployments.versions(call)]);
  const ids = new Set(versions.filter((one) => proxyOnlyIn([one]) !== null).map(({ id }) => id));
  if (journaled !== null) ids.add(journaled.rung.versionId);
  // Also at less than 100 %: whom it serves, a plain restore cannot bring back.
  const takenIn = (split: readonly Share[]): string | undefined =>
    [...ids].find((id) => servesAny(split, id));
  const [newest] = list;
  const id = newest === undefined ? undefined : takenIn(newest.split);
  if (id === undefined) return null;
  const earlier = list.find(({ split }) => takenIn(split) === undefined)?.split ?? null;
  return { id, before: journaled?.rung.before ?? earlier };
}

async function routeTaken(
  { zone, zoneId, routes }: NonNullable<OpenRungs["route"]>["rung"],
  ports: Ports,
  call: CallOptions,
): Promise<RungsTaken["route"]> {
  const now = await ports.routes.list(zoneId, call);
  const missing = routes.filter((kept) => !now.some(({ pattern }) => pattern === kept.pattern));
  return missing.length === 0 ? null : { zone, zoneId, missing };
}
