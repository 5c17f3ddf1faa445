/** The proxy-only version: how it is made and found again, and what a deployment comes to. */

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

/** Versions that serve visitors. */
export function serving(split: readonly Share[]): string[] {
  return split.filter(({ percentage }) => percentage > 0).map(({ versionId }) => versionId);
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
  return `npx wrangler versions upload --name ${worker} --var ${PROXY_ONLY_VAR}:1 --tag ${PROXY_ONLY_TAG}   # with your --env, then wrangler deploy`;
}
