import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAccountProbe, PROBE_KEY } from "../../src/adapters/account-probe.ts";
import { Secret } from "../../src/adapters/secrets.ts";
import { type AccountProbe, NOT_FROM_HERE } from "../../src/ports/api.ts";
import { ACCOUNT, kvReply, NAMESPACE, placeAt } from "./kv.ts";
import { failure, json, type Reply, startServer, success, type TestServer } from "./server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.close());

const never = { signal: new AbortController().signal };
const clock = { sleep: async () => undefined };

function probe(token = "plain-token-0123456789"): AccountProbe {
  return createAccountProbe({ ...placeAt(server, token), token: new Secret(token, "test"), clock });
}
const paths = () => server.seen.map((seen) => seen.url.replace("/client/v4", ""));

describe("the token", () => {
  const active = json(
    200,
    {
      success: true,
      errors: [],
      result: { id: "x", status: "active", expires_on: "2027-01-01T00:00:00Z" },
    },
    { date: "Sun, 22 Nov 2026 12:00:00 GMT" },
  );
  const atAccount: Reply = (res, seen) =>
    (seen.url.startsWith("/client/v4/user") ? failure(401, 1000, "Invalid API Token") : active)(
      res,
      seen,
    );

  test("is verified, with its expiry", async () => {
    server.reply(active);
    expect(await probe().token(never)).toEqual({
      status: "active",
      expiresOn: "2027-01-01T00:00:00Z",
      notBefore: null,
      budget: null,
    });
    expect(paths()).toEqual(["/user/tokens/verify"]);
  });

  test.each([
    ['"default";r=50;t=30', { left: 50, resetS: 30 }],
    ['"default"; r=0; t=300', { left: 0, resetS: 300 }],
    ['"default";r=50', null],
    ['"default";r=many;t=30', null],
    ["r", null],
  ])("of the limit %s so much is left", async (ratelimit, budget) => {
    const result = { id: "x", status: "active", not_before: "2026-01-01T00:00:00Z" };
    server.reply(json(200, { success: true, errors: [], result }, { ratelimit }));
    const notBefore = "2026-01-01T00:00:00Z";
    expect(await probe().token(never)).toEqual({
      ...{ status: "active", expiresOn: null, notBefore, budget },
    });
  });

  test("one that is refused for this address has a status of its own", async () => {
    server.reply(failure(403, 9109, "Cannot use the access token from location: 203.0.113.7"));
    expect((await probe().token(never)).status).toBe(NOT_FROM_HERE);
  });

  test("the same code without a place is a refusal", async () => {
    server.reply(failure(403, 9109, "Unauthorized to access requested resource"));
    await expect(probe().token(never)).rejects.toMatchObject({ kind: "forbidden" });
  });

  test.each([
    ["cfat_0123456789", [`/accounts/${ACCOUNT}/tokens/verify`]],
    ["old-0123456789", ["/user/tokens/verify", `/accounts/${ACCOUNT}/tokens/verify`]],
  ])("%s is verified where it belongs", async (token, asked) => {
    server.reply(atAccount);
    expect((await probe(token).token(never)).status).toBe("active");
    expect(paths()).toEqual(asked);
  });

  test("a user's token is not tried at the account; a refused one is an auth error", async () => {
    server.reply(atAccount);
    await expect(probe("cfut_0123456789").token(never)).rejects.toMatchObject({ kind: "auth" });
    expect(paths()).toEqual(["/user/tokens/verify"]);
  });

  test("an answer without a status is unexpected, not active", async () => {
    server.reply(success({}));
    await expect(probe().token(never)).rejects.toMatchObject({ kind: "unavailable" });
  });
});

test("the namespace has a title, or the error says that its id may be wrong", async () => {
  server.reply(success({ id: NAMESPACE, title: "KV_CANARY_CONFIG" }));
  expect(await probe().namespace(never)).toEqual({ title: "KV_CANARY_CONFIG" });
  server.reply(failure(404, 10013, "namespace not found"));
  await expect(probe().namespace(never)).rejects.toMatchObject({ kind: "not-found" });
});

test("accounts are all that the token sees, or none where there may be more", async () => {
  const ids = (count: number) => Array.from({ length: count }, (_, nth) => ({ id: `a${nth}` }));
  server.reply(success(ids(2)));
  expect(await probe().accounts(never)).toEqual(["a0", "a1"]);
  expect(paths()).toEqual(["/accounts?per_page=50"]);
  server.reply(success(ids(50)));
  expect(await probe().accounts(never)).toEqual([]);
});

describe("writable", () => {
  test("writes a value that expires by itself, reads it back and deletes it", async () => {
    const kv = new Map<string, string>();
    server.reply(kvReply(kv));
    expect(await probe().writable(never)).toBe("read-back");
    expect(server.seen.map((seen) => seen.method)).toEqual(["PUT", "GET", "DELETE"]);
    expect(server.seen[0]?.url).toMatch(
      new RegExp(`/values/${PROBE_KEY}-[0-9a-f-]{36}\\?expiration_ttl=60$`),
    );
    expect(kv.size).toBe(0);
  });

  test("a read-only token is forbidden", async () => {
    server.reply(failure(403, 10000, "Authentication error"));
    await expect(probe().writable(never)).rejects.toMatchObject({ kind: "forbidden" });
  });

  test("a write that was taken counts where there is no time left to read it", async () => {
    const kv = new Map<string, string>();
    const over = new AbortController();
    server.reply((res, seen) => {
      if (seen.method === "GET") over.abort();
      else kvReply(kv)(res, seen);
    });
    expect(await probe().writable({ signal: over.signal })).toBe("written");
  });

  test("a read-back that lags is repeated; one that never comes fails and still cleans up", async () => {
    const kv = new Map<string, string>();
    let reads = 0;
    const lagging =
      (misses: number): Reply =>
      (res, seen) => {
        if (seen.method === "GET" && ++reads <= misses) return failure(404, 10009, "x")(res, seen);
        kvReply(kv)(res, seen);
      };
    server.reply(lagging(2));
    await probe().writable(never);
    reads = 0;
    server.reply(lagging(1_000));
    await expect(probe().writable(never)).rejects.toThrow(/reads do not show it/);
    expect(reads).toBe(4);
    expect(kv.size).toBe(0);
  });
});

test("an account without R2 refuses everybody: no permission is named", async () => {
  server.reply(failure(403, 10042, "Please enable R2 through the Cloudflare Dashboard."));
  const error = await probe()
    .tails("pix", never)
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    kind: "rejected",
    message: expect.stringMatching(/HTTP 403: Please enable R2 .* \[10042\]$/),
  });
});
