/** The Cloudflare API of the sandbox: values, lists, tokens, limits, error envelope. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ACCOUNT, type ApiUnderTest, NAMESPACE, startApi } from "./api-harness.ts";

let api: ApiUnderTest;
beforeEach(async () => {
  api = await startApi();
});
afterEach(() => api.close());

async function errorOf(response: Response): Promise<[number, number]> {
  const body = (await response.json()) as { success: boolean; errors: { code: number }[] };
  expect(body).toMatchObject({ success: false, messages: [], result: null });
  return [response.status, body.errors[0]?.code ?? 0];
}

describe("KV values", () => {
  test("a raw body is stored byte by byte and read back", async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const put = await api.call("values/config", { method: "PUT", body: bytes });
    expect(await put.json()).toEqual({ success: true, errors: [], messages: [], result: null });
    const got = await api.call("values/config");
    expect(got.headers.get("content-type")).toBe("application/octet-stream");
    expect(new Uint8Array(await got.arrayBuffer())).toEqual(bytes);
  });

  test("a multipart body carries value and metadata", async () => {
    const body = new FormData();
    body.set("value", "hello");
    body.set("metadata", '{"by":"oncall"}');
    expect((await api.call("values/a", { method: "PUT", body })).status).toBe(200);
    expect(await (await api.call("values/a")).text()).toBe("hello");
    expect(await (await api.call("metadata/a")).json()).toMatchObject({ result: { by: "oncall" } });
  });

  test("keys with slashes and colons pass, encoded or not", async () => {
    const name = "journal/2026-11-22T01:00:00Z-01ABC";
    await api.call(`values/${encodeURIComponent(name)}`, { method: "PUT", body: "entry" });
    expect(api.store.text(name)).toBe("entry");
    expect(await (await api.call(`values/${name}`)).text()).toBe("entry");
    await api.call(`values/${encodeURIComponent(name)}`, { method: "DELETE" });
    expect(await errorOf(await api.call(`values/${name}`))).toEqual([404, 10009]);
  });

  test("a lifetime is kept, shown and enforced; one under a minute is refused", async () => {
    await api.call("values/probe?expiration_ttl=60", { method: "PUT", body: "x" });
    const atS = Math.floor((api.clock.ms + 60_000) / 1000);
    const list = await (await api.call("keys?prefix=probe")).json();
    expect(list).toMatchObject({ result: [{ name: "probe", expiration: atS }] });
    api.clock.ms += 60_000;
    expect((await api.call("values/probe")).status).toBe(404);
    const short = await api.call("values/probe?expiration_ttl=59", { method: "PUT", body: "x" });
    expect(short.status).toBe(400);
  });

  test("keys are listed by prefix, page by page, in order", async () => {
    for (let i = 25; i > 0; i--) api.store.put(`journal/${String(i).padStart(2, "0")}`, "x");
    api.store.put("config", "x");
    const names: string[] = [];
    let cursor = "";
    do {
      const page = (await (
        await api.call(`keys?prefix=journal/&limit=10&cursor=${cursor}`)
      ).json()) as { result: { name: string }[]; result_info: { cursor: string } };
      names.push(...page.result.map(({ name }) => name));
      cursor = page.result_info.cursor;
    } while (cursor !== "");
    expect(names).toEqual([...names].sort());
    expect(names).toHaveLength(25);
    expect((await api.call("keys?limit=5")).status).toBe(400);
  });

  test("bulk get, put and delete", async () => {
    const pairs = [
      { key: "config", value: "c" },
      { key: "bytes", value: "aGk=", base64: true },
    ];
    await api.call("bulk", { method: "PUT", body: JSON.stringify(pairs) });
    const keys = JSON.stringify({ keys: ["config", "stop", "bytes"] });
    const got = await api.call("bulk/get", { method: "POST", body: keys });
    expect(await got.json()).toMatchObject({
      result: { values: { config: "c", stop: null, bytes: "hi" } },
    });
    await api.call("bulk/delete", { method: "POST", body: '["config"]' });
    expect(api.store.text("config")).toBeNull();
  });

  test("too large a value, too long a key and an unknown namespace are refused", async () => {
    const long = "k".repeat(513);
    expect((await api.call(`values/${long}`, { method: "PUT", body: "x" })).status).toBe(400);
    const huge = new Uint8Array(25 * 1024 * 1024 + 1);
    expect((await api.call("values/x", { method: "PUT", body: huge })).status).toBe(400);
    const other = `/accounts/${ACCOUNT}/storage/kv/namespaces/${"c".repeat(32)}/values/x`;
    expect(await errorOf(await api.call(other))).toEqual([404, 10013]);
    expect(await errorOf(await api.call("/nothing/here"))).toEqual([404, 7003]);
  });
});

describe("tokens", () => {
  const cases = [
    ["full", 200, 200, "active"],
    ["kv-read-only", 200, 403, "active"],
    ["logs-read-only", 403, 403, "active"],
    ["no-permissions", 403, 403, "active"],
    ["wrong-account", 403, 403, "active"],
    ["expiring", 200, 200, "active"],
    ["expired", 401, 401, "expired"],
    ["disabled", 401, 401, "disabled"],
  ] as const;

  test.each(cases)("%s: read %i, write %i, verified as %s", async (kind, read, write, status) => {
    api.store.put("config", "x");
    const token = api.token(kind);
    expect((await api.call("values/config", { token })).status).toBe(read);
    const put = await api.call("values/config", { method: "PUT", body: "y", token });
    expect(put.status).toBe(write);
    expect(api.store.text("config")).toBe(write === 200 ? "y" : "x");
    const verified = await api.call("/user/tokens/verify", { token });
    expect(await verified.json()).toMatchObject({ success: true, result: { status } });
  });

  test("no token, a malformed one and an unknown one", async () => {
    const url = `${api.base}/accounts`;
    expect(await errorOf(await fetch(url))).toEqual([400, 9106]);
    const headers = { authorization: "Bearer x" };
    expect(await errorOf(await fetch(url, { headers }))).toEqual([400, 6003]);
    const unknown = await api.call("values/config", { token: `cfut_${"0".repeat(40)}` });
    expect(await errorOf(unknown)).toEqual([401, 10000]);
  });

  test("an account sees itself alone", async () => {
    expect(await (await api.call("/accounts")).json()).toMatchObject({ result: [{ id: ACCOUNT }] });
    expect((await api.call(`/accounts/${"c".repeat(32)}`)).status).toBe(403);
    const foreign = `/accounts/${"c".repeat(32)}/storage/kv/namespaces/${NAMESPACE}/keys`;
    expect(await errorOf(await api.call(foreign))).toEqual([403, 10000]);
    const token = api.token("wrong-account");
    const { result } = (await (await api.call("/accounts", { token })).json()) as {
      result: { id: string }[];
    };
    expect(result).toEqual([expect.objectContaining({ id: expect.not.stringContaining(ACCOUNT) })]);
  });
});

describe("limits", () => {
  test("one write per second and key, other keys untouched; can be switched off", async () => {
    api.limits.settings.keyWrites = true;
    const put = (key: string) => api.call(`values/${key}`, { method: "PUT", body: "x" });
    expect((await put("config")).status).toBe(200);
    expect(await errorOf(await put("config"))).toEqual([429, 971]);
    expect((await put("stop")).status).toBe(200);
    api.clock.ms += 1_000;
    expect((await put("config")).status).toBe(200);
    api.limits.settings.keyWrites = false;
    expect((await put("config")).status).toBe(200);
  });

  test("past the budget everything of that token is 429 until the window ends", async () => {
    Object.assign(api.limits.settings, { requests: true, budget: 3 });
    for (let i = 0; i < 3; i++) expect((await api.call("keys")).status).toBe(200);
    api.clock.ms += 100_000;
    const refused = await api.call("values/stop", { method: "PUT", body: "x" });
    expect(refused.headers.get("retry-after")).toBe("200");
    expect(await errorOf(refused)).toEqual([429, 971]);
    expect(api.store.text("stop")).toBeNull();
    const other = await api.call("values/stop", {
      method: "PUT",
      body: "x",
      token: api.token("full"),
    });
    expect(other.status).toBe(200);
    api.clock.ms += 200_000;
    expect((await api.call("keys")).status).toBe(200);
  });
});

test("the namespace is listed and described", async () => {
  const list = await api.call(`/accounts/${ACCOUNT}/storage/kv/namespaces`);
  expect(await list.json()).toMatchObject({ result: [{ id: NAMESPACE }] });
  const one = await api.call(`/accounts/${ACCOUNT}/storage/kv/namespaces/${NAMESPACE}`);
  expect(await one.json()).toMatchObject({ result: { title: "KV_CANARY_CONFIG" } });
});
