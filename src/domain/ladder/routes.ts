/** Which routes lead to the Worker, and what answers without them. */

/** Of a zone: requests that fit the pattern go to this Worker. */
export interface Route {
  id: string;
  /** E.g. `api.pix.immo/*`; from outside. */
  pattern: string;
  /** Null: a route that keeps Workers off. */
  script: string | null;
}

export interface DnsRecord {
  type: string;
  content: string;
  /** Without the proxy a route has no effect, and nothing of it is to be deleted. */
  proxied: boolean;
}

/** What would happen without the Worker's routes, or why that must not happen. */
export type RoutePlan =
  | { kind: "plan"; routes: readonly Route[]; hosts: readonly string[] }
  /** `none`: no route of the zone leads to the Worker. */
  | { kind: "refused"; why: string; none?: true };

/** The host of a pattern, wildcards and all. */
function hostPart(pattern: string): string {
  return (pattern.replace(/^https?:\/\//, "").split("/", 1)[0] ?? "").toLowerCase();
}

/** The host of a pattern; null for one with a wildcard in its host. */
export function hostOf(pattern: string): string | null {
  const host = hostPart(pattern);
  return /^[a-z0-9.-]+$/.test(host) ? host : null;
}

export function ownRoutes(routes: readonly Route[], worker: string): readonly Route[] {
  return routes.filter(({ script }) => script === worker);
}

export interface Look {
  worker: string;
  routes: readonly Route[];
  /** By host. */
  records: ReadonlyMap<string, readonly DnsRecord[]>;
  /** Hosts and addresses of the legacy origin, as configured. */
  legacy: readonly string[];
}

/**
 * The routes may go where every host that they serve then answers from the legacy origin. One whose host cannot be
 * told keeps all of them from being deleted.
 */
export function planRoutes({ worker, routes, records, legacy }: Look): RoutePlan {
  const own = ownRoutes(routes, worker);
  if (own.length === 0) {
    return { ...refused(`no route of this zone leads to ${worker}`), none: true };
  }
  const hosts = new Set<string>();
  for (const { pattern } of own) {
    const host = hostOf(pattern);
    if (host === null) return refused(`the route ${pattern} stands for more than one host`);
    const other = routes.find((route) => route.script !== worker && mayCatch(route, host));
    if (other !== undefined) {
      const what = other.script === null ? "no Worker" : `the Worker ${other.script}`;
      return refused(`${host} would then fit the route ${other.pattern}, to ${what}`);
    }
    const astray = strayOf(host, records.get(host) ?? [], legacy);
    if (astray !== null) return refused(astray);
    hosts.add(host);
  }
  return { kind: "plan", routes: own, hosts: [...hosts] };
}

function refused(why: string): Extract<RoutePlan, { kind: "refused" }> {
  return { kind: "refused", why };
}

/** A route without a Worker leads to the same origin: it is in nobody's way. */
function mayCatch({ pattern, script }: Route, host: string): boolean {
  if (script === null) return false;
  const parts = hostPart(pattern).split("*").map(escaped);
  return new RegExp(`^${parts.join(".*")}$`).test(host);
}

function escaped(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
}

/** Why this host would not answer from the legacy origin; null when it would. */
function strayOf(
  host: string,
  records: readonly DnsRecord[],
  legacy: readonly string[],
): string | null {
  const pointing = records.filter(({ type }) => ["A", "AAAA", "CNAME"].includes(type));
  if (pointing.length === 0) return `DNS has no record of ${host}`;
  const wanted = legacy.map(plainHost);
  const other = pointing.find(({ content }) => !wanted.includes(plainHost(content)));
  if (other === undefined) return null;
  return `DNS of ${host} points at ${other.content}, not at the legacy origin (${legacy.join(", ")})`;
}

function plainHost(text: string): string {
  return text.toLowerCase().replace(/\.$/, "");
}
