/** The objects of R2 by REST: list, get, put, delete. */
import type { Hono } from "hono";
import type { Bucket } from "../edge/backstage.ts";
import { type ApiContext, type ApiDeps, type ApiEnv, refuse } from "./access.ts";
import { badPage, noSuchBucket } from "./bucket-routes.ts";
import { CODES, failure, ok } from "./envelope.ts";
import { pageNumber } from "./json-body.ts";
import type { Scope } from "./permissions.ts";

const BASE = "/accounts/:account/r2/buckets";
const MAX_LIST = 1_000;
const DEFAULT_LIST = 20;

export function r2Routes(api: Hono<ApiEnv>, deps: ApiDeps): void {
  const inBucket =
    (scope: Scope, handle: (c: ApiContext, bucket: Bucket) => Promise<Response>) =>
    async (c: ApiContext): Promise<Response> => {
      const refused = refuse(c, deps, scope);
      if (refused !== null) return refused;
      const name = c.req.param("bucket") ?? "";
      if (!deps.r2.names.has(name)) return noSuchBucket();
      return handle(c, deps.r2.bucket(name));
    };

  api.get(`${BASE}/:bucket/objects`, inBucket("r2:read", listObjects));
  api.get(`${BASE}/:bucket/objects/:key{[\\s\\S]+}`, inBucket("r2:read", getObject));
  api.put(
    `${BASE}/:bucket/objects/:key{[\\s\\S]+}`,
    inBucket("r2:write", async (c, bucket) => {
      const contentType = c.req.header("content-type") ?? "application/octet-stream";
      const body = new Uint8Array(await c.req.arrayBuffer());
      const { key, etag, size } = await bucket.put(c.req.param("key") ?? "", body, { contentType });
      return ok({ key, etag, size: String(size) });
    }),
  );
  api.delete(
    `${BASE}/:bucket/objects/:key{[\\s\\S]+}`,
    inBucket("r2:write", async (c, bucket) => {
      const key = c.req.param("key") ?? "";
      await bucket.delete([key]);
      return ok({ key });
    }),
  );
}

async function getObject(c: ApiContext, bucket: Bucket): Promise<Response> {
  const found = await bucket.get(c.req.param("key") ?? "");
  if (found === null) {
    return failure(404, CODES.objectNotFound, "The specified key does not exist.");
  }
  const { object, body } = found;
  const wanted = c.req.header("if-match");
  if (wanted !== undefined && wanted !== object.httpEtag) {
    return failure(412, CODES.badRequest, "At least one of the preconditions did not hold.");
  }
  const headers = {
    "content-type": String(object.httpMetadata.contentType ?? "application/octet-stream"),
    etag: object.httpEtag,
  };
  const from = Number(/^bytes=(\d{1,15})-$/.exec(c.req.header("range") ?? "")?.[1] ?? -1);
  if (from < 0) return new Response(body, { headers });
  if (from >= body.byteLength) {
    return failure(416, CODES.badRequest, "The requested range is not satisfiable.");
  }
  const range = `bytes ${from}-${body.byteLength - 1}/${body.byteLength}`;
  return new Response(body.subarray(from), {
    status: 206,
    headers: { ...headers, "content-range": range },
  });
}

async function listObjects(c: ApiContext, bucket: Bucket): Promise<Response> {
  const perPage = pageNumber(c, "per_page", { from: 1, to: MAX_LIST, usual: DEFAULT_LIST });
  if (perPage === null) return badPage();
  const { prefix, cursor, start_after: startAfter, delimiter } = c.req.query();
  const found = await bucket.list({
    limit: perPage,
    ...(prefix === undefined ? {} : { prefix }),
    ...(cursor === undefined || cursor === "" ? {} : { cursor }),
    ...(startAfter === undefined ? {} : { startAfter }),
    ...(delimiter === undefined ? {} : { delimiter }),
  });
  const objects = found.objects.map((object) => ({
    key: object.key,
    etag: object.etag,
    last_modified: object.uploaded.toISOString(),
    size: object.size,
    http_metadata: object.httpMetadata,
    custom_metadata: object.customMetadata,
    storage_class: "Standard",
  }));
  const info = {
    per_page: perPage,
    is_truncated: found.truncated,
    cursor: found.truncated ? found.cursor : "",
    ...(found.delimitedPrefixes.length === 0 ? {} : { delimited: found.delimitedPrefixes }),
  };
  return ok(objects, info);
}
