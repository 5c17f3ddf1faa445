/** The sandbox's Cloudflare API alone, without Workers, on a port of its own. */
import type { Hono } from "hono";
import type { ApiEnv } from "../../src/sandbox/api/access.ts";
import { AccountWorker } from "../../src/sandbox/api/account-worker.ts";
import { createApi } from "../../src/sandbox/api/app.ts";
import { Limits } from "../../src/sandbox/api/limits.ts";
import { Namespaces } from "../../src/sandbox/api/namespaces.ts";
import type { Permission } from "../../src/sandbox/api/permissions.ts";
import { ApiServer } from "../../src/sandbox/api/server.ts";
import type { Cloudflare } from "../../src/sandbox/api/start.ts";
import { type TokenKind, Tokens } from "../../src/sandbox/api/tokens.ts";
import { Zones } from "../../src/sandbox/api/zones.ts";
import { CentralStore } from "../../src/sandbox/kv/central-store.ts";
import { WORKER_NAME } from "../../src/sandbox/types.ts";

export const ACCOUNT = "a".repeat(32);
export const NAMESPACE = "b".repeat(32);

export interface ApiUnderTest {
  store: CentralStore;
  /** What the account holds. */
  held: Cloudflare["held"];
  server: ApiServer;
  limits: Limits;
  clock: { ms: number };
  base: string;
  /** The path below the namespace, or any path that starts with `/`. */
  call(path: string, init?: RequestInit & { token?: string }): Promise<Response>;
  token(kind: TokenKind, permissions?: readonly Permission[]): string;
  close(): Promise<void>;
}

export interface ApiOptions {
  limits?: boolean;
  /** An account without a namespace. */
  empty?: boolean;
  /** Further routes, as those that `startSandbox` adds. */
  extend?: (api: Hono<ApiEnv>) => void;
}

export async function startApi(options: ApiOptions = {}): Promise<ApiUnderTest> {
  const clock = { ms: Date.now() };
  const now = (): number => clock.ms;
  const store = new CentralStore(now);
  const tokens = new Tokens(ACCOUNT, now);
  const limits = new Limits(options.limits ?? false, now);
  const title = options.empty ? null : "KV_CANARY_CONFIG";
  const worker = new AccountWorker({ name: WORKER_NAME, run: async () => undefined });
  const zones = new Zones(() => worker.reroute());
  const held = {
    namespaces: new Namespaces({ id: NAMESPACE, title, store }, now),
    buckets: new Set<string>(),
    jobs: [],
    secrets: worker.secrets,
    worker,
    zones,
  };
  const server = new ApiServer(
    createApi(
      {
        tokens,
        limits,
        r2: { names: held.buckets, bucket: noBuckets },
        ...held,
        boundNamespaceId: NAMESPACE,
        accountId: ACCOUNT,
        now,
      },
      options.extend,
    ),
  );
  const base = await server.start();
  const full = tokens.create("full");
  return {
    store,
    held,
    server,
    limits,
    clock,
    base,
    call(path, { token = full, ...init } = {}) {
      const below = `/accounts/${ACCOUNT}/storage/kv/namespaces/${NAMESPACE}/`;
      const url = `${base}${path.startsWith("/") ? path : below + path}`;
      const headers = { authorization: `Bearer ${token}`, connection: "close", ...init.headers };
      return fetch(url, { ...init, headers });
    },
    token: (kind, permissions) => tokens.create(kind, permissions),
    close: () => server.close(),
  };
}

/** For an API without a runtime behind it. */
export function noBuckets(): never {
  throw new Error("no buckets here");
}
