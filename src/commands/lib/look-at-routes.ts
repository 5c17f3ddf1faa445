/** The Worker's routes in a zone, and where their hosts point without them. Throws UpstreamError. */
import {
  type DnsRecord,
  hostOf,
  ownRoutes,
  planRoutes,
  type RoutePlan,
} from "../../domain/ladder/routes.ts";
import type { Ports } from "../../ports/ports.ts";

export async function lookAtRoutes(
  zoneId: string,
  { routes: zone, target: { worker, legacyHosts: legacy } }: Pick<Ports, "routes" | "target">,
  signal: AbortSignal,
): Promise<{ planned: RoutePlan; records: ReadonlyMap<string, readonly DnsRecord[]> }> {
  const routes = await zone.list(zoneId, { signal });
  const hosts = new Set(ownRoutes(routes, worker).flatMap(({ pattern }) => hostOf(pattern) ?? []));
  const records = new Map(
    await Promise.all(
      [...hosts].map(async (host) => {
        return [host, await zone.records(zoneId, host, { signal })] as const;
      }),
    ),
  );
  return { planned: planRoutes({ worker, routes, records, legacy }), records };
}
