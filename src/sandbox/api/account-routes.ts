/** Who am I: tokens, user, accounts, memberships, as wrangler and `doctor` ask. */
import type { Hono } from "hono";
import type { ApiContext, ApiDeps, ApiEnv } from "./access.ts";
import { forbidden } from "./access.ts";
import { CODES, failure, ok } from "./envelope.ts";
import type { Scope } from "./permissions.ts";

const ACCOUNT_NAME = "sandbox";
const SINCE = "2025-01-01T00:00:00Z";

export function accountRoutes(api: Hono<ApiEnv>, deps: ApiDeps): void {
  const account = { id: deps.accountId, name: ACCOUNT_NAME, type: "standard", created_on: SINCE };
  const user = { id: "0123456789abcdef0123456789abcdef", email: "oncall@sandbox.invalid" };

  api.get("/user/tokens/verify", verify);
  api.get("/accounts/:account/tokens/verify", (c) => own(c) ?? verify(c));
  api.get("/user", (c) => ofUser(c, "user:read") ?? ok(user));
  api.get("/memberships", (c) => {
    const refused = ofUser(c, "memberships:read");
    if (refused !== null) return refused;
    const mine = c.get("token").accountId === deps.accountId;
    const membership = { id: "membership", status: "accepted", account, roles: ["Administrator"] };
    return ok(mine ? [membership] : [], page(mine ? 1 : 0));
  });
  api.get("/accounts", (c) => ok([{ ...account, id: c.get("token").accountId }], page(1)));
  api.get("/accounts/:account", (c) => own(c) ?? ok(account));

  function own(c: ApiContext): Response | null {
    const id = c.req.param("account");
    return id === deps.accountId && c.get("token").accountId === id ? null : forbidden();
  }
}

/** What a token that was made for an account does not tell of its user. */
function ofUser(c: ApiContext, scope: Scope): Response | null {
  if (c.get("token").scopes.has(scope)) return null;
  return failure(403, CODES.notYours, "Unauthorized to access requested resource");
}

function verify(c: ApiContext): Response {
  const { id, status, expiresAtMs, validFromMs } = c.get("token");
  const expires = expiresAtMs === null ? {} : { expires_on: new Date(expiresAtMs).toISOString() };
  const begins = validFromMs === null ? {} : { not_before: new Date(validFromMs).toISOString() };
  return ok({ id, status, ...expires, ...begins });
}

function page(count: number): Record<string, number> {
  return { page: 1, per_page: 20, count, total_count: count, total_pages: 1 };
}
