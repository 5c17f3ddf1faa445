/** The second carrier of a stop: whether it answers, whether it is cached, and what it costs. */
import { serving } from "../../domain/ladder/proxy-only.ts";
import { beaconCost } from "../../domain/metrics/beacon-cost.ts";
import { requestsByLocation } from "../../domain/metrics/queries.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import type { QaDocument } from "../../domain/proof/qa-document.ts";
import { isSilent } from "../../domain/proof/silent-beacon.ts";
import { BEACON_MAX_AGE_S } from "../../domain/state/beacon.ts";
import { countText } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import { type Check, failed, passed, skipped, warned } from "../lib/check.ts";

const NAME = "beacon";
const DAY_S = 86_400;
const DEPLOY =
  'bind BEACON in wrangler.jsonc (durable_objects, "exports"), and deploy: docs/beacon.md';
const SWITCH_ON = "take BEACON_CARRIER out of vars in wrangler.jsonc, and deploy: docs/beacon.md";
const CACHE = 'set "cache" and "exports" as in worker/wrangler.jsonc, and deploy: docs/beacon.md';

/** None where no /qa says what it has: that is a finding of its own. Never throws. */
export async function beaconChecks(
  sightings: readonly Sighting[],
  ports: Pick<Ports, "clock" | "metrics" | "deployments">,
  signal: AbortSignal,
): Promise<Check[]> {
  // The proxy-only version has none, and needs none.
  if (sightings.some(({ qa }) => qa?.proxy_only === true)) return [skipped(NAME, "proxy-only")];
  const shown = sightings.flatMap(({ qa, ...sighting }) =>
    qa?.emergencies === undefined ? [] : [{ place: placeOf(sighting), beacon: qa.beacon }],
  );
  if (shown.length === 0) return [];
  const found = shown.map(({ place, beacon }) => [place, problemOf(beacon)] as const);
  const at = (problem: Problem) => found.filter(([, one]) => one === problem).map(([p]) => p);
  const [none, silent, uncached] = [at("none"), at("silent"), at("uncached")];
  if (none.length === shown.length) {
    const off = await isBound(ports, signal);
    const detail = `${off ? "switched off" : "none"}: a stop reaches other locations by KV alone, in 60 s or more`;
    return [warned(NAME, detail, off ? SWITCH_ON : DEPLOY)];
  }
  if (none.length > 0) {
    return [failed(NAME, `not at ${none.join(", ")}: a stop is late there`, DEPLOY)];
  }
  if (silent.length > 0) {
    const detail = `does not answer at ${silent.join(", ")}: a stop reaches them by KV alone`;
    return [failed(NAME, detail, "check Durable Objects at www.cloudflarestatus.com")];
  }
  if (uncached.length > 0) {
    const detail = `answers, without a cache at ${uncached.join(", ")}: each location asks it every second`;
    return [warned(NAME, detail, CACHE)];
  }
  return [
    passed(
      NAME,
      `answers at ${shown.map(({ place }) => place).join(", ")}${await cost(ports, signal)}`,
    ),
  ];
}

type Problem = "none" | "silent" | "uncached" | null;

function problemOf(beacon: QaDocument["beacon"]): Problem {
  if (beacon === undefined) return "none";
  if (isSilent(beacon)) return "silent";
  return beacon.cache === null ? "uncached" : null;
}

/** What serves visitors has it, and a var switches it off. False as well where the account does not say. */
async function isBound(
  { deployments }: Pick<Ports, "deployments">,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const [deployed] = await deployments.list({ signal });
    const [live] = serving(deployed?.split ?? []);
    return live !== undefined && (await deployments.bindings(live, { signal })).includes("BEACON");
  } catch {
    return false;
  }
}

/** Empty where the metrics do not say how many come. */
async function cost(
  { clock, metrics }: Pick<Ports, "clock" | "metrics">,
  signal: AbortSignal,
): Promise<string> {
  const toS = Math.floor(clock.now() / 1_000) + 1;
  try {
    const rows = await metrics.ask(
      (dataset) => requestsByLocation(dataset, { fromS: toS - DAY_S, toS }),
      { signal, once: true },
    );
    const { requests, dollars } = beaconCost(
      rows.map((row) => row.requests),
      BEACON_MAX_AGE_S,
    );
    const millions = requests / 1_000_000;
    const many = millions >= 0.1 ? `${millions.toFixed(1)} M` : countText(Math.round(requests));
    return `; at most $${dollars.toFixed(2)} a month (${many} requests to it)`;
  } catch {
    return "";
  }
}
