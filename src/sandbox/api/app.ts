/** The Cloudflare API under `/client/v4`, as far as the CLI and wrangler use it. */
import { type Context, Hono } from "hono";
import type { CentralStore } from "../kv/central-store.ts";
import { accountRoutes } from "./account-routes.ts";
import { CODES, failure } from "./envelope.ts";
import { kvRoutes } from "./kv-routes.ts";
import type { Limits } from "./limits.ts";
import { type R2Access, r2Routes } from "./r2-routes.ts";
import type { ApiToken, Scope, Tokens } from "./tokens.ts";

export interface ApiDeps {
  store: CentralStore;
  tokens: Tokens;
  limits: Limits;
  r2: R2Access;
  accountId: string;
  namespaceId: string;
  namespaceTitle: string;
  now: () => number;
}

/** Per request: what faults change about reads, and a hook on committed writes. */
export interface ApiRequestFacts {
  readBack: number;
  onCommit: (again: () => void) => void;
}

export type ApiEnv = { Bindings: ApiRequestFacts; Variables: { token: ApiToken } };
export type ApiContext = Context<ApiEnv>;

/** Also the seam for the endpoints that come later: `extend` adds routes behind the same checks. */
export function createApi(deps: ApiDeps, extend?: (api: Hono<ApiEnv>) => void): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>({ strict: false });
  const api = new Hono<ApiEnv>({ strict: false });
  api.use(async (c, next) => {
    const refused = authenticate(c, deps);
    if (refused !== null) return refused;
    const waitS = deps.limits.request(c.get("token").id);
    if (waitS !== null) return throttled(waitS);
    await next();
    return undefined;
  });
  accountRoutes(api, deps);
  kvRoutes(api, deps);
  r2Routes(api, deps);
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

export function throttled(waitS: number | null): Response {
  const headers: Record<string, string> = waitS === null ? {} : { "retry-after": String(waitS) };
  const message = "Please wait and consider throttling your request speed";
  return failure(429, CODES.throttled, message, headers);
}

export function unauthenticated(): Response {
  return failure(401, CODES.authentication, "Authentication error");
}

export function forbidden(): Response {
  return failure(403, CODES.authentication, "Authentication error");
}

/** Null when the token may do this in this account. */
export function refuse(
  c: ApiContext,
  deps: Pick<ApiDeps, "accountId">,
  scope: Scope,
): Response | null {
  const token = c.get("token");
  if (c.req.param("account") !== token.accountId) return forbidden();
  if (token.accountId !== deps.accountId || !token.scopes.has(scope)) return forbidden();
  return null;
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
  const verifying = c.req.path.endsWith("/tokens/verify");
  return token.status === "active" || verifying ? null : unauthenticated();
}
