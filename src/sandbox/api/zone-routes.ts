/** Zones, their DNS records and their Workers routes. */
import type { Hono } from "hono";
import * as z from "zod";
import { type ApiContext, type ApiDeps, type ApiEnv, forbidden } from "./access.ts";
import { CODES, failure, ok } from "./envelope.ts";
import { json } from "./json-body.ts";
import type { Scope } from "./permissions.ts";
import type { Zone } from "./zones.ts";

const ZONE = "/zones/:zone";
const ROUTES = `${ZONE}/workers/routes`;

const routeSchema = z.object({
  pattern: z.string().min(1).max(255),
  script: z.string().min(1).nullish(),
});

type Deps = Pick<ApiDeps, "accountId" | "zones" | "worker">;

export function zoneRoutes(api: Hono<ApiEnv>, deps: Deps): void {
  const { zones } = deps;
  api.get("/zones", (c) => {
    if (zones.list.length === 0) {
      const why = "zones: leave out route and routes, its locations have addresses";
      return failure(400, CODES.badRequest, `the sandbox has no ${why}`);
    }
    if (!mayIn(c, deps, "zones:read")) return ok([], info(0));
    const name = c.req.query("name");
    const found = zones.list.filter((zone) => name === undefined || zone.name === name);
    return ok(found.map(shown(deps)), info(found.length));
  });
  api.get(`${ZONE}/dns_records`, (c) =>
    within(c, deps, "dns:read", ({ records }) => {
      const name = c.req.query("name.exact") ?? c.req.query("name");
      const found = records.filter((record) => name === undefined || record.name === name);
      return ok(found, info(found.length));
    }),
  );
  api.get(ROUTES, (c) => within(c, deps, "routes:read", ({ routes }) => ok(routes)));
  changeRoutes(api, deps);
}

function changeRoutes(api: Hono<ApiEnv>, deps: Deps): void {
  const { zones, worker } = deps;
  api.post(ROUTES, (c) =>
    within(c, deps, "routes:write", async (zone) => {
      const parsed = routeSchema.safeParse(await json(c));
      if (!parsed.success) return failure(400, CODES.badRequest, "the route is not valid");
      const { pattern, script = null } = parsed.data;
      if (script !== null && script !== worker.name) {
        return failure(400, CODES.scriptNotFound, "workers.api.error.script_not_found");
      }
      const made = await zones.create(zone, { pattern, script });
      if (made !== null) return ok(made);
      return failure(409, CODES.routeExists, "A route with the same pattern already exists.");
    }),
  );
  api.delete(`${ROUTES}/:route`, (c) =>
    within(c, deps, "routes:write", async (zone) => {
      const id = c.req.param("route") ?? "";
      if (await zones.remove(zone, id)) return ok({ id });
      return failure(404, CODES.routeNotFound, "workers.api.error.route_not_found");
    }),
  );
}

function within(
  c: ApiContext,
  deps: Deps,
  scope: Scope,
  answer: (zone: Zone) => Response | Promise<Response>,
): Response | Promise<Response> {
  if (!mayIn(c, deps, scope)) return forbidden();
  const zone = deps.zones.find(c.req.param("zone") ?? "");
  return zone === null ? failure(404, CODES.noZone, "Invalid zone identifier") : answer(zone);
}

function mayIn(c: ApiContext, { accountId }: Deps, scope: Scope): boolean {
  const { accountId: own, scopes } = c.get("token");
  return own === accountId && scopes.has(scope);
}

function shown({ accountId }: Deps): (zone: Zone) => object {
  return ({ id, name }) => ({ id, name, status: "active", account: { id: accountId } });
}

function info(count: number): Record<string, number> {
  return { page: 1, per_page: 50, count, total_count: count, total_pages: 1 };
}
