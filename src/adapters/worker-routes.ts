/** A zone's Workers routes and DNS records, through the Cloudflare API. */
import * as z from "zod";
import { UpstreamError } from "../ports/errors.ts";
import type { Routes } from "../ports/ladder.ts";
import { ApiFailure, parsed } from "./cloudflare-call.ts";
import { ask, type LadderOptions } from "./worker-deployments.ts";

const text = z.string().max(1_000);
const zonesSchema = z.array(
  z.object({ id: text, name: text, account: z.object({ id: text }).nullish() }),
);
const routesSchema = z.array(
  z.object({ id: text, pattern: text, script: text.nullish().transform((name) => name ?? null) }),
);
const recordsSchema = z.array(
  z.object({ type: text, content: text.catch(""), proxied: z.boolean().catch(false) }),
);
/** The most that one page of the DNS records of a single host holds. */
const RECORDS = 100;
const CONFLICT = 409;

export function createRoutes(
  options: Pick<LadderOptions, "client" | "clock" | "accountId">,
): Routes {
  const at = (zoneId: string): string => `/zones/${encodeURIComponent(zoneId)}`;
  return {
    async zone(name, call) {
      const what = `find the zone ${name}`;
      const query = { name, "account.id": options.accountId };
      const result = await ask(options, { what, path: "/zones", query }, call);
      const found = parsed(what, zonesSchema, result).find((zone) => zone.name === name);
      if (found !== undefined) return found.id;
      throw new ApiFailure("not-found", `${what}: the token sees no zone of this name`);
    },
    async list(zoneId, call) {
      const what = "list the Workers routes";
      const result = await ask(options, { what, path: `${at(zoneId)}/workers/routes` }, call);
      return parsed(what, routesSchema, result);
    },
    async records(zoneId, host, call) {
      const what = `read the DNS records of ${host}`;
      const query = { "name.exact": host, per_page: RECORDS };
      const path = `${at(zoneId)}/dns_records`;
      return parsed(what, recordsSchema, await ask(options, { what, path, query }, call));
    },
    async remove(zoneId, routeId, call) {
      const what = "delete the Workers route";
      const path = `${at(zoneId)}/workers/routes/${encodeURIComponent(routeId)}`;
      await ask(options, { what, method: "delete", path }, call).catch(unless("not-found"));
    },
    async add(zoneId, { pattern, script }, call) {
      const what = `create the Workers route ${pattern}`;
      const path = `${at(zoneId)}/workers/routes`;
      const body = { pattern, ...(script === null ? {} : { script }) };
      await ask(options, { what, method: "post", path, body }, call).catch(unlessThere);
    },
  };
}

function unless(kind: UpstreamError["kind"]): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof UpstreamError) || error.kind !== kind) throw error;
  };
}

function unlessThere(error: unknown): void {
  if (!(error instanceof UpstreamError) || error.status !== CONFLICT) throw error;
}
