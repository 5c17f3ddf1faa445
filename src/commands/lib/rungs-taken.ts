/** Which rungs of the ladder are taken: by the journal, by what `/qa` shows, and by the account itself. */
import {
  proxyOnlyIn,
  type Share,
  servesAll,
  shortId,
  splitText,
} from "../../domain/ladder/proxy-only.ts";
import type { Route } from "../../domain/ladder/routes.ts";
import { type OpenRungs, openRungs } from "../../domain/ladder/rung.ts";
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
  const byOrigin = ({ status, decision, qa }: Sighting): boolean =>
    status !== null && status < 500 && decision === null && qa === null;
  return {
    ...openRungs(entries),
    proxyOnlySeen: sightings.some(({ qa }) => qa?.proxy_only === true),
    bypassedSeen: sightings.length > 0 && sightings.every(byOrigin),
  };
}

export function anyRung({ version, route, proxyOnlySeen, bypassedSeen }: RungsKnown): boolean {
  return version !== null || route !== null || proxyOnlySeen || bypassedSeen;
}

/** A line for each; none where there is nothing but a plain stop. */
export function rungLines(known: RungsKnown, nowMs: number): string[] {
  const { version, route, proxyOnlySeen, bypassedSeen } = known;
  const lines: string[] = [];
  if (version !== null) {
    const { rung, at, by } = version;
    const before = rung.before === null ? "not known" : splitText(rung.before);
    const seen = proxyOnlySeen ? "is deployed" : "was deployed, and no /qa shows it now";
    lines.push(
      `the proxy-only version ${shortId(rung.versionId)} ${seen}, ${timeWithAge(at, nowMs)} by ${by}; before: ${before}`,
    );
  } else if (proxyOnlySeen) {
    lines.push("/qa comes from the proxy-only version, and the journal does not say since when");
  }
  if (route !== null) {
    const { rung, at, by } = route;
    const patterns = rung.routes.map(({ pattern }) => pattern).join(", ");
    lines.push(`the route ${patterns} was deleted, ${timeWithAge(at, nowMs)} by ${by}`);
  } else if (bypassedSeen) {
    lines.push("no /qa has the Worker's header: is its route deleted?");
  }
  return lines;
}

/** What the account shows to be taken now. */
export interface RungsTaken {
  version: { id: string; before: readonly Share[] | null } | null;
  route: { zone: string; zoneId: string; missing: readonly Omit<Route, "id">[] } | null;
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
  const isTaken = (split: readonly Share[]): boolean => [...ids].some((id) => servesAll(split, id));
  const [newest] = list;
  if (newest === undefined || !isTaken(newest.split)) return null;
  const id = newest.split.find(({ percentage }) => percentage === 100)?.versionId ?? "";
  const earlier = list.find(({ split }) => !isTaken(split))?.split ?? null;
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
