/** A namespace behind the test server, for the journal and the account probe. */
import {
  type ClientOptions,
  createCloudflareClient,
} from "../../src/adapters/cloudflare-client.ts";
import type { KvPlace } from "../../src/adapters/cloudflare-store.ts";
import { Secret } from "../../src/adapters/secrets.ts";
import { failure, type Reply, success, type TestServer } from "./server.ts";

export const TOKEN = "cfut_test-token-that-must-not-leak-0123456789";
export const ACCOUNT = "a".repeat(32);
export const NAMESPACE = "b".repeat(32);

/** What the clients of these tests put before their requests. */
export const api: Pick<ClientOptions, "through"> = {};

export function placeAt(server: Pick<TestServer, "url">, token = TOKEN): KvPlace {
  const client = createCloudflareClient({
    apiBaseUrl: `${server.url}/client/v4`,
    token: new Secret(token, "test"),
    version: "9.9.9",
    through: api.through,
  });
  return { client, accountId: ACCOUNT, namespaceId: NAMESPACE };
}

/** Values, sorted listing with pages, bulk read. */
export function kvReply(store: Map<string, string>, pageSize = 1_000): Reply {
  return (res, seen) => {
    const url = new URL(seen.url, "http://x");
    const value = /\/values\/(.+)$/.exec(url.pathname)?.[1];
    if (value !== undefined) {
      const key = decodeURIComponent(value);
      const found = store.get(key);
      if (seen.method === "PUT") store.set(key, seen.body);
      if (seen.method === "DELETE") store.delete(key);
      if (seen.method !== "GET") return success({})(res, seen);
      if (found === undefined) return failure(404, 10009, "get: 'key not found'")(res, seen);
      return void res.end(found);
    }
    if (url.pathname.endsWith("/keys")) {
      const prefix = url.searchParams.get("prefix") ?? "";
      const after = url.searchParams.get("cursor") ?? "";
      const names = [...store.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
      const page = names.slice(0, pageSize);
      const cursor = names.length > pageSize ? page.at(-1) : "";
      const result = page.map((name) => ({ name }));
      return success(result, { result_info: { count: page.length, cursor } })(res, seen);
    }
    const { keys } = JSON.parse(seen.body) as { keys: string[] };
    const values = Object.fromEntries(keys.map((key) => [key, store.get(key) ?? null]));
    return success({ values })(res, seen);
  };
}
