/** The proxy-only version: how it is made and found again, and what a deployment comes to. */
import type { Sighting } from "../proof/expectation.ts";
import { shellWord } from "../text/invocation.ts";

/** Of `wrangler versions upload --tag`. */
export const PROXY_ONLY_TAG = "proxy-only";
/** The var that makes a version of the Worker proxy-only. */
export const PROXY_ONLY_VAR = "PROXY_ONLY";

/** A version's part of a deployment, in percent of the visitors. */
export interface Share {
  versionId: string;
  percentage: number;
}

export interface WorkerVersion {
  id: string;
  /** RFC 3339. */
  at: string;
  tag: string | null;
}

/** The newest one; null: none among those that can be deployed. `versions`: the newest first. */
export function proxyOnlyIn(versions: readonly WorkerVersion[]): WorkerVersion | null {
  return versions.find(({ tag }) => tag === PROXY_ONLY_TAG) ?? null;
}

/** All visitors get this one. */
export function servesAll(split: readonly Share[], versionId: string): boolean {
  return split.some((share) => share.versionId === versionId && share.percentage === 100);
}

/** Some visitors get this one, be they few: somebody else's deployment may hold it beside another. */
export function servesAny(split: readonly Share[], versionId: string): boolean {
  return serving(split).includes(versionId);
}

/** Versions that serve visitors. */
export function serving(split: readonly Share[]): string[] {
  return split.filter(({ percentage }) => percentage > 0).map(({ versionId }) => versionId);
}

/** Deployed, be it at 0 %: only then the version override header reaches it. */
export function isHeld(split: readonly Share[], versionId: string): boolean {
  return split.some((share) => share.versionId === versionId);
}

/** The same versions with the same parts, in any order. */
export function isSameSplit(one: readonly Share[], other: readonly Share[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ versionId, percentage }) =>
      other.some((share) => share.versionId === versionId && share.percentage === percentage),
    )
  );
}

/** Why this answer of `/qa` is not one of a version that sends every visitor to proxy; null: it is. */
export function notProxyOnly({ qa, decision, problem }: Sighting): string | null {
  if (qa === null) return problem ?? "no /qa document";
  if (qa.proxy_only !== true) return "it is not proxy-only";
  if (decision?.cohort === "proxy" && decision.reason === "emergency") return null;
  return `it decides ${decision?.cohort ?? "nothing"} (reason: ${decision?.reason ?? "none"})`;
}

/** "1f0c3a7b at 100 %, 9e2d4b6c at 0 %". */
export function splitText(split: readonly Share[]): string {
  return split
    .map(({ versionId, percentage }) => `${shortId(versionId)} at ${percentage} %`)
    .join(", ");
}

/** As Cloudflare's dashboard shortens it. */
export function shortId(versionId: string): string {
  return versionId.slice(0, 8);
}

/** Beside the words of the operator's own deployment, and before it: the newest version has to serve. */
export function uploadCommand(worker: string): string {
  return `npx wrangler versions upload --name ${shellWord(worker)} --var ${PROXY_ONLY_VAR}:1 --tag ${PROXY_ONLY_TAG}   # with your --env, then wrangler deploy`;
}

/** `live` is the version that goes on to serve visitors. */
export function holdCommand(worker: string, live: string, versionId: string): string {
  const split = [`${live}@100%`, `${versionId}@0%`].map(shellWord).join(" ");
  return `npx wrangler versions deploy ${split} --name ${shellWord(worker)} --yes`;
}
