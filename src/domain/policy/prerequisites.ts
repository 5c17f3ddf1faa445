/** What the runbook wants to be true before more traffic goes to native (section 4). */

import type { Sighting } from "../proof/expectation.ts";
import { isSilent } from "../proof/silent-beacon.ts";
import type { NormalFinding } from "./finding.ts";
import type { Verdict } from "./verdict.ts";

export interface Finding {
  name: string;
  verdict: Verdict;
  detail: string;
  /** Whether anything but a pass stands in the way of more exposure. */
  required: boolean;
}

/** Judged on one full look per `/qa` URL, and on what the policy says of the last minutes. */
export function prerequisites(
  sightings: readonly Sighting[],
  normal: readonly NormalFinding[],
): Finding[] {
  return [
    health("native answers its ping", sightings, true, (sighting) => {
      const native = sighting.qa?.health.native;
      return native === undefined ? null : { status: native.status, problem: native.problem };
    }),
    health("proxy answers its ping", sightings, false, (sighting) => {
      const proxy = sighting.qa?.health.proxy;
      return proxy === undefined ? null : { status: proxy.status, problem: proxy.problem };
    }),
    ...beaconAnswers(sightings),
    // After a stop native has no traffic to be measured: what is measured must be right, no more.
    ...normal.map(({ name, verdict, detail }) => ({ name, verdict, detail, required: false })),
  ];
}

/** While a stop is on, a beacon that cannot be asked may hold one that a release would not reach. */
function beaconAnswers(sightings: readonly Sighting[]): Finding[] {
  const asked = sightings.flatMap((sighting) => {
    const { beacon } = sighting.qa ?? {};
    return beacon === undefined ? [] : [{ place: placeOf(sighting), beacon }];
  });
  if (asked.length === 0) return [];
  const name = "the beacon answers";
  const required = sightings.some(({ qa }) => qa?.canary.emergency_proxy === true);
  const silent = asked.filter(({ beacon }) => isSilent(beacon));
  if (silent.length === 0) {
    return [{ name, verdict: "pass", detail: `at ${asked.length} of ${asked.length}`, required }];
  }
  const where = silent.map(({ place }) => place).join(", ");
  return [{ name, verdict: "no_data", detail: `not at ${where}`, required }];
}

/** The findings that forbid more exposure; no data on a required one forbids it, too. */
export function obstacles(findings: readonly Finding[]): Finding[] {
  return findings.filter((f) => f.verdict === "fail" || (f.required && f.verdict !== "pass"));
}

/** One line: "no_data error rate of native < 1 %: no native traffic". */
export function findingText({ name, verdict, detail }: Finding): string {
  return `${verdict} ${name}: ${detail}`;
}

type Health = { status: "healthy" | "failing" | "unknown"; problem: string | null };

function health(
  name: string,
  sightings: readonly Sighting[],
  required: boolean,
  pick: (sighting: Sighting) => Health | null,
): Finding {
  const seen = sightings.map((sighting) => ({ sighting, health: pick(sighting) }));
  const failing = seen.filter(({ health }) => health?.status === "failing");
  if (failing.length > 0) {
    const where = failing.map(
      ({ sighting, health }) => `${placeOf(sighting)}: ${health?.problem ?? "failing"}`,
    );
    return { name, verdict: "fail", detail: where.join("; "), required };
  }
  const blind = seen.filter(({ health }) => health?.status !== "healthy");
  if (blind.length > 0) {
    const where = blind.map(
      ({ sighting }) => `${placeOf(sighting)}: ${sighting.problem ?? "not asked"}`,
    );
    return { name, verdict: "no_data", detail: where.join("; "), required };
  }
  return { name, verdict: "pass", detail: `at ${seen.length} of ${seen.length}`, required };
}

/** How people know a location: its colo, else the host that was asked. */
export function placeOf(sighting: Pick<Sighting, "colo" | "url">): string {
  return sighting.colo ?? (URL.parse(sighting.url)?.host || sighting.url);
}
