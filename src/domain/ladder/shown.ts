/** What a location's answer shows of the rungs beyond a plain stop, and which of them are taken. */
import type { SeenDecision } from "../decision/headers.ts";
import type { QaDocument } from "../proof/qa-document.ts";
import type { OpenRungs } from "./rung.ts";

/** Of the account itself: whether each rung is taken there now. Null: it was not asked, or did not answer. */
export type AccountRungs = Readonly<Record<"version" | "route", boolean>> | null;

/** A rung that keeps traffic from native, whatever is stored. */
export interface TakenRung {
  via: "version" | "route";
  /** The routes that are gone; none for a version. */
  patterns: readonly string[];
  /** Of the journal: RFC 3339, and the author; null where it does not say. */
  at: string | null;
  by: string | null;
}

/** Of one look at one `/qa`. */
interface Shown {
  status: number | null;
  decision: SeenDecision | null;
  qa: QaDocument | null;
}

/** The legacy origin answers there, or whoever else: the Worker does not. */
export function isBypassed({ status, decision, qa }: Shown): boolean {
  return status !== null && status < 500 && decision === null && qa === null;
}

/** Which rung answers there in place of what is stored. `routeDeleted`: by the journal; without it, a wrong address looks the same. */
export function shownRung(sighting: Shown, routeDeleted: boolean): TakenRung["via"] | null {
  if (sighting.qa?.proxy_only === true) return "version";
  return routeDeleted && isBypassed(sighting) ? "route" : null;
}

/**
 * Those that are taken now. What the account says counts; where it was not asked, what the locations show, and only
 * where these show nothing the journal: it does not know what was put back by hand.
 */
export function takenRungs(
  open: OpenRungs,
  sightings: readonly Shown[],
  account: AccountRungs = null,
): TakenRung[] {
  const { version, route } = open;
  const worker = sightings.some(({ qa, decision }) => qa !== null || decision !== null);
  const proxyOnly = sightings.some(({ qa }) => qa?.proxy_only === true);
  const another = sightings.some(({ qa }) => qa !== null && qa.proxy_only !== true);
  const taken: TakenRung[] = [];
  if (route !== null && (account?.route ?? (!worker || sightings.some(isBypassed)))) {
    const patterns = route.rung.routes.map(({ pattern }) => pattern);
    taken.push({ via: "route", patterns, at: route.at, by: route.by });
  }
  if (proxyOnly || (version !== null && (account?.version ?? !another))) {
    const { at = null, by = null } = version ?? {};
    taken.push({ via: "version", patterns: [], at, by });
  }
  return taken;
}

/** "the proxy-only version", "the deleted route api.pix.immo/*"; holds foreign text. */
export function rungText({ via, patterns }: Pick<TakenRung, "via" | "patterns">): string {
  if (via === "version") return "the proxy-only version";
  const name = patterns.length > 1 ? "the deleted routes" : "the deleted route";
  return patterns.length === 0 ? name : `${name} ${patterns.join(", ")}`;
}
