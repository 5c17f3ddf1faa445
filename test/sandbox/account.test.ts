/** What an account holds besides values and objects: namespaces, buckets, Logpush jobs, secrets of the Worker. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PERMISSIONS, type Permission } from "../../src/sandbox/api/permissions.ts";
import { ACCOUNT, type ApiUnderTest, NAMESPACE, startApi } from "./api-harness.ts";

let api: ApiUnderTest;
beforeEach(async () => {
  api = await startApi({ empty: true });
});
afterEach(() => api.close());

const NAMESPACES = `/accounts/${ACCOUNT}/storage/kv/namespaces`;
const BUCKETS = `/accounts/${ACCOUNT}/r2/buckets`;
const JOBS = `/accounts/${ACCOUNT}/logpush/jobs`;
const SECRETS = `/accounts/${ACCOUNT}/workers/scripts/pix-sandbox/secrets`;
const DESTINATION = `r2://logs/b2a/{DATE}?account-id=${ACCOUNT}&access-key-id=a&secret-access-key=b`;
const JOB = { name: "logs", dataset: "workers_trace_events", destination_conf: DESTINATION };

interface Answer {
  status: number;
  code: number | null;
  result: unknown;
  info: unknown;
}

async function ask(path: string, method = "GET", body?: unknown, token?: string): Promise<Answer> {
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  const answer = await api.call(path, {
    method,
    ...init,
    ...(token === undefined ? {} : { token }),
  });
  const {
    errors,
    result,
    result_info: info,
  } = (await answer.json()) as {
    errors: { code: number }[];
    result: unknown;
    result_info?: unknown;
  };
  return { status: answer.status, code: errors[0]?.code ?? null, result, info };
}

describe("KV namespaces", () => {
  test("the first one is that of the Workers, and no title is there twice", async () => {
    expect(await ask(NAMESPACES)).toMatchObject({ result: [], info: { total_count: 0 } });
    const made = await ask(NAMESPACES, "POST", { title: "canary" });
    expect(made).toMatchObject({ status: 200, result: { id: NAMESPACE, title: "canary" } });
    expect(await ask(NAMESPACES, "POST", { title: "canary" })).toMatchObject({
      status: 400,
      code: 10014,
    });
    await api.call("values/config", { method: "PUT", body: "x" });
    expect(api.store.text("config")).toBe("x");
  });

  test("each has values of its own", async () => {
    await ask(NAMESPACES, "POST", { title: "canary" });
    const { result } = await ask(NAMESPACES, "POST", { title: "other" });
    const { id } = result as { id: string };
    await api.call(`${NAMESPACES}/${id}/values/config`, { method: "PUT", body: "x" });
    expect(api.store.text("config")).toBeNull();
    expect((await api.call(`${NAMESPACES}/${id}/values/config`)).status).toBe(200);
  });

  test("they are listed page by page", async () => {
    for (let nth = 1; nth <= 7; nth += 1) await ask(NAMESPACES, "POST", { title: `n${nth}` });
    const page = await ask(`${NAMESPACES}?per_page=5&page=2`);
    expect(page.result).toMatchObject([{ title: "n6" }, { title: "n7" }]);
    expect(page.info).toEqual({ page: 2, per_page: 5, count: 2, total_count: 7, total_pages: 2 });
  });
});

describe("buckets", () => {
  test("are made once, by a valid name, and listed page by page", async () => {
    expect((await ask(`${BUCKETS}/logs`)).status).toBe(404);
    for (const name of ["media", "logs"])
      expect((await ask(BUCKETS, "POST", { name })).code).toBeNull();
    expect((await ask(BUCKETS, "POST", { name: "logs" })).status).toBe(409);
    expect((await ask(BUCKETS, "POST", { name: "Logs!" })).status).toBe(400);
    expect((await ask(`${BUCKETS}/logs`)).status).toBe(200);
    const first = await ask(`${BUCKETS}?per_page=1`);
    expect(first.result).toMatchObject({ buckets: [{ name: "logs" }] });
    const { cursor } = first.info as { cursor: string };
    const second = await ask(`${BUCKETS}?per_page=1&cursor=${cursor}`);
    expect(second).toMatchObject({
      result: { buckets: [{ name: "media" }] },
      info: { cursor: "" },
    });
  });
});

describe("Logpush jobs", () => {
  test("need a bucket that is there, are off by default, and may share a name", async () => {
    expect((await ask(JOBS, "POST", JOB)).status).toBe(400);
    await ask(BUCKETS, "POST", { name: "logs" });
    const made = await ask(JOBS, "POST", JOB);
    expect(made.result).toMatchObject({ id: 1, enabled: false, destination_conf: DESTINATION });
    expect((await ask(JOBS, "POST", JOB)).result).toMatchObject({ id: 2 });
    expect((await ask(JOBS)).result).toHaveLength(2);
    expect((await ask(`${JOBS}/2`)).result).toMatchObject({ name: "logs" });
    expect((await ask(`${JOBS}/3`)).status).toBe(404);
  });

  test("can be changed in part", async () => {
    await ask(BUCKETS, "POST", { name: "logs" });
    await ask(JOBS, "POST", JOB);
    const changed = await ask(`${JOBS}/1`, "PUT", { enabled: true });
    expect(changed.result).toMatchObject({ enabled: true, name: "logs" });
  });

  test.each([
    ["another dataset", { dataset: "http_requests" }],
    ["no key", { destination_conf: `r2://logs/b2a/{DATE}?account-id=${ACCOUNT}` }],
    ["another account", { destination_conf: DESTINATION.replace(ACCOUNT, "c".repeat(32)) }],
  ])("are refused with %s", async (_, wrong) => {
    await ask(BUCKETS, "POST", { name: "logs" });
    expect((await ask(JOBS, "POST", { ...JOB, ...wrong })).status).toBe(400);
  });
});

describe("secrets of the Worker", () => {
  const secret = { name: "QA_TOKEN", text: "a secret of the Worker", type: "secret_text" };

  test("are named, and never told", async () => {
    const put = await ask(SECRETS, "PUT", secret);
    const list = await ask(SECRETS);
    expect([put.result, list.result]).toEqual([
      { name: "QA_TOKEN", type: "secret_text" },
      [{ name: "QA_TOKEN", type: "secret_text" }],
    ]);
  });

  test("need a Worker that is deployed", async () => {
    const other = SECRETS.replace("pix-sandbox", "pix-other");
    expect(await ask(other)).toMatchObject({ status: 404, code: 10007 });
    expect(await ask(other, "PUT", secret)).toMatchObject({ status: 404, code: 10007 });
  });
});

test.each<[Permission, string, string, unknown]>([
  ["Workers KV Storage Read", NAMESPACES, "GET", undefined],
  ["Workers KV Storage Write", NAMESPACES, "POST", { title: "canary" }],
  ["Workers R2 Storage Read", BUCKETS, "GET", undefined],
  ["Workers R2 Storage Write", BUCKETS, "POST", { name: "logs" }],
  ["Logs Write", JOBS, "GET", undefined],
  ["Workers Scripts Read", SECRETS, "GET", undefined],
  ["Workers Scripts Write", SECRETS, "PUT", { name: "A", text: "b", type: "secret_text" }],
  ["User Details Read", "/user", "GET", undefined],
  ["Memberships Read", "/memberships", "GET", undefined],
])("%s is what %s %s takes", async (permission, path, method, body) => {
  const enough = [permission, permission.replace(/Read$/, "Write")];
  const others = PERMISSIONS.filter((one) => !enough.includes(one));
  expect((await ask(path, method, body, api.token("full", others))).status).toBe(403);
  expect((await ask(path, method, body, api.token("full", [permission]))).status).toBe(200);
});
