/** The Cloudflare API under `/client/v4`, as far as the CLI and wrangler use it. */

import { Hono } from "hono";
import {
  type ApiContext,
  type ApiDeps,
  type ApiEnv,
  throttled,
  unauthenticated,
} from "./access.ts";
import { accountRoutes } from "./account-routes.ts";
import { bucketRoutes } from "./bucket-routes.ts";
import { CODES, failure } from "./envelope.ts";
import { kvRoutes } from "./kv-routes.ts";
import { logpushRoutes } from "./logpush-routes.ts";
import { r2Routes } from "./r2-routes.ts";
import { scriptRoutes } from "./script-routes.ts";
import { secretRoutes } from "./secret-routes.ts";
import { versionRoutes } from "./version-routes.ts";
import { zoneRoutes } from "./zone-routes.ts";

/** Also the seam for the endpoints that come later: `extend` adds routes behind the same checks. */
export function createApi(deps: ApiDeps, extend?: (api: Hono<ApiEnv>) => void): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>({ strict: false });
  const api = new Hono<ApiEnv>({ strict: false });
  api.use(async (c, next) => {
    const refused = authenticate(c, deps);
    if (refused !== null) return refused;
    const { id } = c.get("token");
    const waitS = deps.limits.request(id);
    if (waitS !== null) return throttled(waitS);
    await next();
    const left = deps.limits.left(id);
    if (left !== null)
      c.res.headers.set("ratelimit", `"default";r=${left.requests};t=${left.resetS}`);
    return undefined;
  });
  accountRoutes(api, deps);
  kvRoutes(api, deps);
  bucketRoutes(api, deps);
  r2Routes(api, deps);
  logpushRoutes(api, deps);
  scriptRoutes(api, deps);
  versionRoutes(api, deps);
  secretRoutes(api, deps);
  zoneRoutes(api, deps);
  extend?.(api);
  app.route("/client/v4", api);
  app.notFound((c) =>
    failure(
      404,
      CODES.noRoute,
      `Could not route to ${c.req.path}, perhaps your object identifier is invalid?`,
    ),
  );
  app.onError((error) => failure(500, CODES.internal, `internal error: ${error.message}`));
  return app;
}

function authenticate(c: ApiContext, deps: ApiDeps): Response | null {
  const header = c.req.header("authorization");
  if (header === undefined) {
    const message = "Missing X-Auth-Key, X-Auth-Email or Authorization headers";
    return failure(400, CODES.missingHeaders, message);
  }
  const match = /^Bearer ([A-Za-z0-9_-]{20,200})$/i.exec(header);
  if (match === null) return failure(400, CODES.invalidHeaders, "Invalid request headers");
  const token = deps.tokens.find(match[1] ?? "");
  if (token === null) return unauthenticated();
  c.set("token", token);
  if (token.kind === "ip-filtered") {
    const message = "Cannot use the access token from location: 203.0.113.7";
    return failure(403, CODES.otherAddress, message);
  }
  const verifying = c.req.path.endsWith("/tokens/verify");
  const begun = token.validFromMs === null || token.validFromMs <= deps.now();
  return (token.status === "active" && begun) || verifying ? null : unauthenticated();
}
