/** The front of one location: what Cloudflare's edge does with a request before a Worker sees it. */
import type { RunningDeployment } from "./worker.ts";

/**
 * It picks the version, by the override header or by chance, and lets a request past that no route leads to the
 * Worker. As at Cloudflare, an override counts only for a version of the newest deployment.
 */
export function frontScript(
  colo: string,
  { name, isRouted, split }: RunningDeployment,
  originUrl: string,
): string {
  const versions = split.map(({ worker, percentage }) => ({ id: worker.versionId, percentage }));
  return `
const COLO = ${JSON.stringify(colo)};
const WORKER = ${JSON.stringify(name)};
const VERSIONS = ${JSON.stringify(versions)};
const LEGACY = ${JSON.stringify(isRouted ? null : originUrl)};
function askedFor(header) {
  for (const part of (header ?? "").split(",")) {
    const [, worker, id] = /^\\s*([\\w*.-]+)="([\\w-]+)"\\s*$/.exec(part) ?? [];
    if (worker === WORKER) return VERSIONS.findIndex((version) => version.id === id);
  }
  return -1;
}
function drawn() {
  let left = Math.random() * 100;
  return Math.max(0, VERSIONS.findIndex(({ percentage }) => (left -= percentage) < 0));
}
export default {
  fetch(request, env) {
    if (LEGACY !== null) {
      const { pathname, search } = new URL(request.url);
      return fetch(new Request(LEGACY + pathname + search, request), { redirect: "manual" });
    }
    const headers = new Headers(request.headers);
    const ray = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
    headers.set("cf-ray", ray + "-" + COLO);
    headers.set("cf-connecting-ip", "127.0.0.1");
    headers.set("cf-ipcountry", "DE");
    headers.set("cf-visitor", '{"scheme":"http"}');
    headers.delete("x-sandbox-location");
    const cf = { ...request.cf, colo: COLO, country: "DE", asn: 64496, tlsVersion: "TLSv1.3" };
    const asked = VERSIONS.length < 2 ? -1 : askedFor(headers.get("cloudflare-workers-version-overrides"));
    const nth = asked >= 0 ? asked : VERSIONS.length < 2 ? 0 : drawn();
    return env["PIX_" + nth].fetch(new Request(request, { headers, cf }));
  },
};`;
}
