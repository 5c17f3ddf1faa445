/** The buckets of R2 by REST: list, get, create. */
import type { Hono } from "hono";
import * as z from "zod";
import { type ApiContext, type ApiDeps, type ApiEnv, refuse } from "./access.ts";
import { CODES, failure, ok } from "./envelope.ts";
import { json, pageNumber } from "./json-body.ts";

const BASE = "/accounts/:account/r2/buckets";
const MAX_LIST = 1_000;
const DEFAULT_LIST = 20;
const bucketSchema = z.object({ name: z.string().regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/) });

type Names = ApiDeps["r2"]["names"];

export function bucketRoutes(api: Hono<ApiEnv>, deps: Pick<ApiDeps, "accountId" | "r2">): void {
  const { names } = deps.r2;
  api.get(BASE, (c) => refuse(c, deps, "r2:buckets") ?? listed(c, names));
  api.post(BASE, async (c) => refuse(c, deps, "r2:write") ?? created(await json(c), names));
  api.get(`${BASE}/:bucket`, (c) => {
    const name = c.req.param("bucket") ?? "";
    return refuse(c, deps, "r2:buckets") ?? (names.has(name) ? ok(describe(name)) : noSuchBucket());
  });
}

function describe(name: string): Record<string, string> {
  return {
    name,
    creation_date: "2025-01-01T00:00:00Z",
    location: "EEUR",
    storage_class: "Standard",
  };
}

function listed(c: ApiContext, all: Names): Response {
  const perPage = pageNumber(c, "per_page", { from: 1, to: MAX_LIST, usual: DEFAULT_LIST });
  if (perPage === null) return badPage();
  const after = Buffer.from(c.req.query("cursor") ?? "", "base64url").toString();
  const names = [...all].sort().filter((name) => name > after);
  const shown = names.slice(0, perPage);
  const last = names.length > shown.length ? (shown.at(-1) ?? "") : "";
  const cursor = Buffer.from(last).toString("base64url");
  return ok({ buckets: shown.map(describe) }, { per_page: perPage, cursor });
}

function created(body: unknown, names: Names): Response {
  const parsed = bucketSchema.safeParse(body);
  if (!parsed.success) {
    return failure(400, CODES.bucketName, "The specified bucket name is not valid.");
  }
  const { name } = parsed.data;
  if (names.has(name)) {
    const message = "The bucket you tried to create already exists, and you own it.";
    return failure(409, CODES.bucketExists, message);
  }
  names.add(name);
  return ok(describe(name));
}

export function noSuchBucket(): Response {
  return failure(404, CODES.bucketNotFound, "The specified bucket does not exist.");
}

export function badPage(): Response {
  return failure(400, CODES.badRequest, `per_page must be 1 to ${MAX_LIST}`);
}
