/** Who may ask the API what, and what each answer's handler gets. */
import type { Context } from "hono";
import type { Bucket } from "../edge/backstage.ts";
import type { AccountWorker } from "./account-worker.ts";
import { CODES, failure } from "./envelope.ts";
import type { Limits } from "./limits.ts";
import type { LogpushJob } from "./logpush-job.ts";
import type { Namespaces } from "./namespaces.ts";
import type { Scope } from "./permissions.ts";
import type { ApiToken, Tokens } from "./tokens.ts";
import type { Zones } from "./zones.ts";

export interface ApiDeps {
  namespaces: Namespaces;
  tokens: Tokens;
  limits: Limits;
  r2: R2Access;
  jobs: LogpushJob[];
  worker: AccountWorker;
  zones: Zones;
  /** Of the namespace that the locations have copies of. */
  boundNamespaceId: string;
  accountId: string;
  now: () => number;
}

/** Per request: what faults change about reads, and a hook on committed writes. */
interface ApiRequestFacts {
  readBack: number;
  onCommit: (again: () => void) => void;
}

export type ApiEnv = { Bindings: ApiRequestFacts; Variables: { token: ApiToken } };

export type ApiContext = Context<ApiEnv>;

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

/** The buckets of the account; what is in one is asked of the running sandbox. */
export interface R2Access {
  names: Set<string>;
  bucket(name: string): Bucket;
}
