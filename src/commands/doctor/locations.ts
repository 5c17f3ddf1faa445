/** What each `/qa` shows, and what they show together. */
import { hostOf, mayGetToken, NO_HOSTS } from "../../domain/config/token-hosts.ts";
import { rungText, shownRung, type TakenRung } from "../../domain/ladder/shown.ts";
import { timeOf } from "../../domain/lib/time.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import { carriersAt, type Sighting } from "../../domain/proof/expectation.ts";
import type { QaDocument } from "../../domain/proof/qa-document.ts";
import { isEmergency, type ParsedState } from "../../domain/state/state.ts";
import { age, timeWithAge } from "../../domain/text/age.ts";
import { counted } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import { type Check, failed, passed, skipped, warned } from "../lib/check.ts";
import { invocation } from "../lib/format.ts";
import { qaFix } from "./qa-fixes.ts";

/** KV is at every location by then, and isolates have read it. */
const LIVE_MS = 180_000;
/** A document is made when it is asked for; clocks here are right within 2.5 s. */
const OLD_MS = 30_000;

export interface Seen {
  sightings: readonly Sighting[];
  /** As stored; null: not known, or nothing to compare with. */
  state: ParsedState | null;
  /** Rungs of the ladder that are taken: where one answers, nothing else can be said. */
  rungs: readonly TakenRung[];
  nowMs: number;
}

type Given = Pick<Ports, "missingSecrets" | "target" | "tokenHosts">;

/** At least one per `/qa`; then what they show together. */
export function locationChecks(seen: Seen, ports: Given): Check[] {
  return [
    ...seen.sightings.flatMap((sighting) => qaChecks(sighting, seen, ports)),
    ...together(seen.sightings, ports),
  ];
}

/**
 * Every location shows another config than the one that has been stored for long: their Worker reads another
 * namespace. Null: one shows it, or nothing can be said.
 */
export function elsewhere({ sightings, state, nowMs }: Seen): string | null {
  const shown = sightings.filter(isTelling);
  const odd = shown.flatMap((sighting) => difference(sighting, state, nowMs) ?? []);
  return shown.length > 0 && odd.length === shown.length ? (odd[0] ?? null) : null;
}

function isTelling({ qa, cached }: Sighting): boolean {
  return qa?.canary.source === "kv" && qa.proxy_only !== true && cached === undefined;
}

function difference({ qa }: Sighting, state: ParsedState | null, nowMs: number): string | null {
  const config = state?.config;
  if (qa === null || config === undefined || config.kind === "invalid") return null;
  const { revision, last_updated } = qa.canary;
  const shown = revision ?? last_updated;
  if (config.kind === "absent")
    return last_updated === null ? null : `config ${shown}, here is none`;
  const stored = config.value;
  const storedMs = timeOf(stored.last_updated);
  if (!(nowMs - storedMs > LIVE_MS)) return null;
  const same =
    stored.revision === undefined
      ? last_updated === stored.last_updated
      : revision === stored.revision;
  if (same) return null;
  const wanted = stored.revision ?? stored.last_updated;
  return `config ${shown ?? "none"}, stored is ${wanted} (${age(nowMs - storedMs)})`;
}

function qaChecks(sighting: Sighting, seen: Seen, ports: Given): Check[] {
  const name = `/qa ${placeOf(sighting)}`;
  const { qa } = sighting;
  const rung = rungCheck(name, sighting, seen, ports);
  if (rung !== null) return [rung];
  if (qa === null) return [unseenCheck(name, sighting, ports)];
  const copy = copyCheck(name, sighting, qa, seen.nowMs);
  if (copy !== null) return [copy];
  const wrong = [
    ...versionChecks(name, qa, ports),
    ...stateChecks(name, sighting, qa, seen, ports),
    ...healthChecks(name, qa, ports),
    ...keyChecks(name, qa, ports),
  ];
  const keys = qa.cookie_key_ids.join(", ");
  return wrong.length > 0 ? wrong : [passed(name, `answers, state from KV, keys ${keys}`)];
}

/** Null where the Worker answers by what is stored. */
function rungCheck(name: string, sighting: Sighting, seen: Seen, ports: Given): Check | null {
  const routeDeleted = seen.rungs.some(({ via }) => via === "route");
  const via = shownRung(sighting, routeDeleted);
  const rung = seen.rungs.find((one) => one.via === via);
  if (via === null || rung === undefined) return null;
  const restore = `${invocation(ports.target, "restore")} --reason "…"`;
  const since = rung.at === null ? "" : ` since ${timeWithAge(rung.at, seen.nowMs)}, by ${rung.by}`;
  return warned(name, `EMERGENCY by ${rungText(rung)}${since}; until restore`, restore);
}

/** Without a token that is missing or kept, a refusal is what follows, and is no finding of its own. */
function unseenCheck(name: string, sighting: Sighting, ports: Given): Check {
  const { status, problem, url } = sighting;
  if (status === 401) {
    const unusable = ports.missingSecrets.some(({ what }) => what === "/qa token");
    if (unusable) return skipped(name, "/qa token");
    const kept = ports.tokenHosts.list.some(
      ({ token, host, allowed }) => token === "/qa token" && host === hostOf(url) && !allowed,
    );
    if (kept && !mayGetToken(url, NO_HOSTS)) return skipped(name, "token hosts");
  }
  return failed(name, problem ?? "no document", qaFix(sighting, ports.target));
}

const NO_CACHE = 'no cache may answer /qa: see Cache Rules, and "cache" in wrangler.jsonc';

/** A copy says nothing of now. Null: it is none. */
function copyCheck(name: string, seen: Sighting, qa: QaDocument, nowMs: number): Check | null {
  const { cached, atMs } = seen;
  if (cached !== undefined) {
    return failed(name, `a cache answers in place of the Worker (${cached})`, NO_CACHE);
  }
  const madeMs = timeOf(qa.timestamp);
  // Until the API has answered, this machine's clock is all there is; afterwards time has passed.
  const agoMs = [atMs - madeMs, nowMs - madeMs];
  if (agoMs.some((ms) => Math.abs(ms) <= OLD_MS)) return null;
  const agedMs = Math.min(...agoMs);
  if (agedMs > 0) return failed(name, `its document was made ${age(agedMs)}: a copy`, NO_CACHE);
  const detail = `its time, ${qa.timestamp}, is in the future: not the Worker's clock`;
  return failed(name, detail, "check qaUrls in pixcanary.json: who answers there?");
}

function versionChecks(
  name: string,
  { emergencies, guardian }: QaDocument,
  { target }: Given,
): Check[] {
  if (emergencies !== undefined && guardian !== undefined) return [];
  const detail = "an older Worker than this pixcanary: its /qa tells less";
  const fix = `(cd worker && npx wrangler deploy --env ${target.env})   # of this version`;
  return [warned(name, detail, fix)];
}

function stateChecks(
  name: string,
  sighting: Sighting,
  { canary: { source } }: QaDocument,
  { state, nowMs }: Seen,
  { target }: Given,
): Check[] {
  if (source === "none") {
    const detail = "state from none: KV_CANARY_CONFIG is not bound, or cannot be read";
    const fix = "bind KV_CANARY_CONFIG in wrangler.jsonc (kv_namespaces), and deploy";
    return [failed(name, detail, fix)];
  }
  // What was last good is used as well where nothing good is stored: that is a finding of its own.
  if (source === "last-good" && (state === null || state.config.kind === "valid")) {
    const detail = "state from memory (last-good): it cannot read KV now";
    return [warned(name, detail, "check Workers KV at www.cloudflarestatus.com; stop if in doubt")];
  }
  const other = state?.config.kind === "valid" ? difference(sighting, state, nowMs) : null;
  if (other !== null) return [failed(name, `shows ${other}`, invocation(target, "verify"))];
  if (state === null || isEmergency(state) || carriersAt(sighting)?.join() !== "beacon") return [];
  const detail = "EMERGENCY by the beacon alone: KV does not hold this stop";
  return [warned(name, detail, invocation(target, "status"))];
}

const BINDINGS: readonly (readonly [RegExp, string])[] = [
  [/database: not bound/, "bind HYPERDRIVE in wrangler.jsonc, and deploy"],
  [/R2: not bound/, "bind MEDIA in wrangler.jsonc (r2_buckets), and deploy"],
  [/origin: not configured/, "set ORIGIN_URL in wrangler.jsonc (vars), and deploy"],
];

/** A stop sends all traffic to the legacy origin: it needs that one, and can do without native. */
function healthChecks(
  name: string,
  { health: { native, proxy } }: QaDocument,
  { target }: Given,
): Check[] {
  const fixOf = (problem: string, otherwise: string): string =>
    BINDINGS.find(([words]) => words.test(problem))?.[1] ?? otherwise;
  const checks: Check[] = [];
  if (native.status === "failing") {
    const problem = native.problem ?? "unknown";
    const fix = fixOf(problem, invocation(target, "doctor --deep"));
    checks.push(warned(name, `native failing: ${problem}`, fix));
  }
  if (proxy.status === "failing") {
    const problem = proxy.problem ?? "unknown";
    const fix = fixOf(problem, "look at the legacy origin itself: ORIGIN_URL in wrangler.jsonc");
    checks.push(failed(name, `legacy origin (proxy) failing: ${problem}`, fix));
  }
  return checks;
}

function keyChecks(name: string, { cookie_key_ids: keys }: QaDocument, { target }: Given): Check[] {
  if (keys.length === 0) {
    const detail = "no cookie keys: all new visitors go to proxy";
    const fix = `npx wrangler secret put COOKIE_KEYS --name ${target.worker}   # see wrangler.jsonc`;
    return [warned(name, detail, fix)];
  }
  if (keys.length === 1) return [];
  const detail = `cookie keys ${keys.join(", ")}: a rotation is not finished`;
  return [warned(name, detail, invocation(target, "setup rotate-keys"))];
}

/** Each of these says more than one location: none where there is only one. */
function together(sightings: readonly Sighting[], { target }: Given): Check[] {
  const shown = sightings.flatMap((sighting) =>
    sighting.qa === null ? [] : [{ place: placeOf(sighting), qa: sighting.qa }],
  );
  if (shown.length < 2) return [];
  const name = "qaUrls";
  const places = [...new Set(shown.map(({ place }) => place))];
  const checks: Check[] = [];
  if (places.length < shown.length) {
    const detail = `${counted(shown.length, "/qa", "/qa")} answer from ${places.join(", ")}: no further proof`;
    checks.push(warned(name, detail, "keep one address per location in qaUrls of pixcanary.json"));
  }
  const versions = groups(shown.map(({ place, qa }) => [qa.worker_version ?? "unknown", place]));
  if (versions.length > 1) {
    const detail = `different Worker versions: ${versions.join("; ")}`;
    const fix = `npx wrangler deployments status --name ${target.worker}   # finish it, or roll back`;
    checks.push(warned(name, detail, fix));
  }
  return checks.length > 0 ? checks : [passed(name, places.join(", "))];
}

/** "v1 at FRA, AMS". */
function groups(pairs: readonly (readonly [value: string, place: string])[]): string[] {
  const byValue = Map.groupBy(pairs, ([value]) => value);
  return [...byValue].map(
    ([value, all]) => `${value} at ${all.map(([, place]) => place).join(", ")}`,
  );
}
