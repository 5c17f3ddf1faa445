/** Workers KV by REST: namespaces, values, metadata, keys, bulk. */
import type { Hono } from "hono";
import { z } from "zod";
import type { CentralStore } from "../kv/central-store.ts";
import { type ApiContext, type ApiDeps, type ApiEnv, refuse, throttled } from "./access.ts";
import { CODES, failure, ok } from "./envelope.ts";
import { json, pageNumber } from "./json-body.ts";
import { checkSizes, expiry, readValue } from "./kv-value.ts";
import type { Namespace } from "./namespaces.ts";
import type { Scope } from "./permissions.ts";

const MIN_LIST = 10;
const MAX_LIST = 1_000;
const BASE = "/accounts/:account/storage/kv/namespaces";
const NAMESPACE = `${BASE}/:namespace`;

const bulkPutSchema = z
  .array(
    z.object({
      key: z.string(),
      value: z.string(),
      base64: z.boolean().optional(),
      metadata: z.unknown().optional(),
      expiration: z.number().optional(),
      expiration_ttl: z.number().optional(),
    }),
  )
  .max(10_000);
const bulkGetSchema = z.object({
  keys: z.array(z.string()).max(100),
  withMetadata: z.boolean().optional(),
});
const keyNamesSchema = z.array(z.string()).max(10_000);

const titleSchema = z.object({ title: z.string().min(1).max(512) });

/** A namespace that exists, and what is in it. */
type Opened = Pick<ApiDeps, "limits" | "now"> & { namespace: Namespace; store: CentralStore };

type Handle = (c: ApiContext, opened: Opened) => Response | Promise<Response>;

export function kvRoutes(api: Hono<ApiEnv>, deps: ApiDeps): void {
  const guarded =
    (scope: Scope, handle: Handle) =>
    (c: ApiContext): Response | Promise<Response> => {
      const refused = refuse(c, deps, scope);
      if (refused !== null) return refused;
      const found = deps.namespaces.find(c.req.param("namespace") ?? "");
      if (found === null) return failure(404, CODES.namespaceNotFound, "namespace not found");
      const { store, ...namespace } = found;
      return handle(c, { ...deps, namespace, store });
    };
  api.get(BASE, (c) => refuse(c, deps, "kv:read") ?? listNamespaces(c, deps));
  api.post(BASE, async (c) => refuse(c, deps, "kv:write") ?? (await createNamespace(c, deps)));
  api.get(
    NAMESPACE,
    guarded("kv:read", (_, { namespace }) => ok(describe(namespace))),
  );
  api.get(`${NAMESPACE}/keys`, guarded("kv:read", listKeys));
  api.get(`${NAMESPACE}/values/:key{.+}`, guarded("kv:read", getValue));
  api.put(`${NAMESPACE}/values/:key{.+}`, guarded("kv:write", putValue));
  api.delete(`${NAMESPACE}/values/:key{.+}`, guarded("kv:write", deleteValue));
  api.get(`${NAMESPACE}/metadata/:key{.+}`, guarded("kv:read", getMetadata));
  api.post(`${NAMESPACE}/bulk/get`, guarded("kv:read", bulkGet));
  api.put(`${NAMESPACE}/bulk`, guarded("kv:write", bulkPut));
  api.post(`${NAMESPACE}/bulk/delete`, guarded("kv:write", bulkDelete));
  api.delete(`${NAMESPACE}/bulk`, guarded("kv:write", bulkDelete));
}

function describe({ id, title }: Namespace): Record<string, unknown> {
  return { id, title, supports_url_encoding: true };
}

function listNamespaces(c: ApiContext, { namespaces }: ApiDeps): Response {
  const perPage = pageNumber(c, "per_page", { from: 5, to: 1_000, usual: 20 });
  const page = pageNumber(c, "page", { from: 1, to: 1_000_000, usual: 1 });
  if (perPage === null || page === null) return bad("page or per_page is not valid");
  const all = namespaces.list();
  const shown = all.slice((page - 1) * perPage, page * perPage);
  const info = { page, per_page: perPage, count: shown.length, total_count: all.length };
  return ok(shown.map(describe), { ...info, total_pages: Math.ceil(all.length / perPage) });
}

async function createNamespace(c: ApiContext, { namespaces }: ApiDeps): Promise<Response> {
  const body = titleSchema.safeParse(await json(c));
  if (!body.success) return bad("a title of 1 to 512 characters is wanted");
  const made = namespaces.create(body.data.title);
  if (made !== null) return ok(describe(made));
  const message = "a namespace with this account ID and title already exists";
  return failure(400, CODES.namespaceExists, message);
}

function listKeys(c: ApiContext, { store }: Opened): Response {
  const limit = Number(c.req.query("limit") ?? MAX_LIST);
  if (!Number.isInteger(limit) || limit < MIN_LIST || limit > MAX_LIST) {
    return bad(`limit must be ${MIN_LIST} to ${MAX_LIST}`);
  }
  const cursor = c.req.query("cursor") ?? "";
  const found = store.list({
    prefix: c.req.query("prefix") ?? "",
    limit,
    ...(cursor === "" ? {} : { cursor: Buffer.from(cursor, "base64url").toString() }),
  });
  const names = found.keys.map(({ name, expirationS, metadata }) => ({
    name,
    ...(expirationS === null ? {} : { expiration: expirationS }),
    ...(metadata === null ? {} : { metadata }),
  }));
  const next = Buffer.from(found.cursor).toString("base64url");
  return ok(names, { count: names.length, cursor: next });
}

function getValue(c: ApiContext, { store }: Opened): Response {
  const entry = store.get(keyOf(c), c.env.readBack);
  if (entry === null) return keyNotFound();
  const headers: Record<string, string> = { "content-type": "application/octet-stream" };
  if (entry.expiresAtMs !== null) headers.expiration = String(Math.floor(entry.expiresAtMs / 1000));
  return new Response(Buffer.from(entry.value), { headers });
}

function getMetadata(c: ApiContext, { store }: Opened): Response {
  const entry = store.get(keyOf(c), c.env.readBack);
  return entry === null ? keyNotFound() : ok(entry.metadata);
}

async function putValue(c: ApiContext, deps: Opened): Promise<Response> {
  const key = keyOf(c);
  const { expiration, expiration_ttl } = c.req.query();
  const expiresAtMs = expiry(expiration, expiration_ttl, deps.now());
  if (typeof expiresAtMs === "string") return bad(expiresAtMs);
  const body = await readValue(c.req.raw);
  if (typeof body === "string") return bad(body);
  const problem = checkSizes(key, body.value);
  if (problem !== null) return bad(problem);
  if (!deps.limits.write(key)) return throttled(null);
  const commit = (): void => {
    deps.store.put(key, body.value, { metadata: body.metadata, expiresAtMs });
  };
  commit();
  c.env.onCommit(commit);
  return ok(null);
}

function deleteValue(c: ApiContext, { limits, store }: Opened): Response {
  const key = keyOf(c);
  if (!limits.write(key)) return throttled(null);
  const commit = (): void => {
    store.delete(key);
  };
  commit();
  c.env.onCommit(commit);
  return ok(null);
}

async function bulkGet(c: ApiContext, { store }: Opened): Promise<Response> {
  const body = bulkGetSchema.safeParse(await json(c));
  if (!body.success) return bad("keys must be at most 100 names");
  const values = body.data.keys.map((key) => {
    const entry = store.get(key, c.env.readBack);
    const text = entry === null ? null : new TextDecoder().decode(entry.value);
    const full = body.data.withMetadata === true && entry !== null;
    return [key, full ? { value: text, metadata: entry.metadata } : text];
  });
  return ok({ values: Object.fromEntries(values) });
}

async function bulkPut(c: ApiContext, deps: Opened): Promise<Response> {
  const body = bulkPutSchema.safeParse(await json(c));
  if (!body.success) return bad("a list of {key, value} is wanted");
  for (const pair of body.data) {
    const value = Buffer.from(pair.value, pair.base64 === true ? "base64" : "utf8");
    const expiresAtMs = expiry(pair.expiration, pair.expiration_ttl, deps.now());
    if (typeof expiresAtMs === "string") return bad(expiresAtMs);
    const problem = checkSizes(pair.key, value);
    if (problem !== null) return bad(problem);
    deps.store.put(pair.key, value, { metadata: pair.metadata ?? null, expiresAtMs });
  }
  return ok({ successful_key_count: body.data.length, unsuccessful_keys: [] });
}

async function bulkDelete(c: ApiContext, { store }: Opened): Promise<Response> {
  const body = keyNamesSchema.safeParse(await json(c));
  if (!body.success) return bad("a list of key names is wanted");
  for (const key of body.data) store.delete(key);
  return ok({ successful_key_count: body.data.length, unsuccessful_keys: [] });
}

function keyNotFound(): Response {
  return failure(404, CODES.keyNotFound, "get: 'key not found'");
}

function bad(message: string): Response {
  return failure(400, CODES.badRequest, message);
}

function keyOf(c: ApiContext): string {
  return c.req.param("key") ?? "";
}
