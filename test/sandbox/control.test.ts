/** The sandbox's own interfaces: the control API, R2 by REST, the configuration file. */
import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CONTROLS, summaryOf } from "../../src/sandbox/control/controls.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { PATIENCE } from "../support/patience.ts";
import { startSandbox } from "../support/sandbox.ts";
import { ensureBundle } from "../worker/bundle.ts";

const NO_LAG = { min: 0, max: 0 };
let sandbox: Sandbox;

beforeAll(async () => {
  await ensureBundle();
  sandbox = await startSandbox({
    lagMs: NO_LAG,
    locations: ["FRA"],
    percent: 100,
    rateLimits: false,
  });
});
afterAll(() => sandbox.close());
afterEach(() => sandbox.control.heal());

async function api(path: string, init: RequestInit = {}): Promise<Response> {
  const { apiBaseUrl, accountId, apiToken } = sandbox.description;
  const headers = { authorization: `Bearer ${apiToken}`, ...init.headers };
  return fetch(`${apiBaseUrl}/accounts/${accountId}${path}`, { ...init, headers });
}

describe("R2 by REST", () => {
  test("put, list page by page, get and delete in the logs bucket", async () => {
    const objects = `/r2/buckets/${sandbox.description.logsBucket}/objects`;
    for (const n of [1, 2, 3])
      await api(`${objects}/b2a/20260101/${n}.log`, { method: "PUT", body: `line ${n}` });
    type Page = {
      result: { key: string; size: number }[];
      result_info: { cursor: string; is_truncated: boolean };
    };
    const first = (await (await api(`${objects}?prefix=b2a/&per_page=2`)).json()) as Page;
    expect(first.result.map(({ key }) => key)).toEqual([
      "b2a/20260101/1.log",
      "b2a/20260101/2.log",
    ]);
    expect(first.result_info.is_truncated).toBe(true);
    const cursor = encodeURIComponent(first.result_info.cursor);
    const second = (await (
      await api(`${objects}?prefix=b2a/&per_page=2&cursor=${cursor}`)
    ).json()) as Page;
    expect(second.result.map(({ key }) => key)).toEqual(["b2a/20260101/3.log"]);
    const after = (await (await api(`${objects}?start_after=b2a/20260101/2.log`)).json()) as Page;
    expect(after.result).toHaveLength(1);
    expect(await (await api(`${objects}/b2a/20260101/2.log`)).text()).toBe("line 2");
    await api(`${objects}/b2a/20260101/2.log`, { method: "DELETE" });
    expect((await api(`${objects}/b2a/20260101/2.log`)).status).toBe(404);
    expect((await api("/r2/buckets/unknown/objects")).status).toBe(404);
  });

  test("media uploaded through the Worker are in the media bucket", async () => {
    await sandbox.control.runUploadFlows({ count: 1 });
    const list = await api(
      `/r2/buckets/${sandbox.description.mediaBucket}/objects?prefix=uploads/`,
    );
    expect(((await list.json()) as { result: unknown[] }).result.length).toBeGreaterThan(0);
  });
});

describe("control over HTTP", () => {
  const call = (path: string, init: RequestInit = {}) =>
    fetch(sandbox.description.controlUrl + path, init);
  const put = (path: string, body: unknown) =>
    call(path, { method: "PUT", body: JSON.stringify(body) });

  test("describes itself and the sandbox", async () => {
    const front = (await (await call("/")).json()) as Record<string, unknown>;
    expect(front).toMatchObject({ endpoints: { "PUT /kv": expect.any(String) } });
    expect(Object.keys(front.faults as object)).toContain("lost-answer");
    expect(await (await call("/description")).json()).toEqual(sandbox.description);
  });

  test("sets faults, lag, native, origin and limits, and shows them", async () => {
    const added = await call("/faults", {
      method: "POST",
      body: JSON.stringify({ kind: "lost-answer", match: { method: "PUT" }, times: 1 }),
    });
    expect(added.status).toBe(201);
    await put("/kv", { lagMs: { min: 5, max: 10 }, reads: "stale", location: "FRA" });
    await put("/kv", { readMs: { min: 1, max: 2 }, location: "FRA" });
    await put("/beacon", { readMs: { min: 3, max: 4 }, location: "FRA" });
    await put("/native", { errorShare: 0.5, databaseLatencyMs: 3 });
    await put("/origin", { addedLatencyMs: 4 });
    const state = await (await put("/api", { limits: { budget: 99 }, clockSkewMs: 5 })).json();
    expect(state).toMatchObject({
      api: { faults: [{ rule: { kind: "lost-answer" } }], limits: { budget: 99 }, clockSkewMs: 5 },
      kv: {
        locations: {
          FRA: { mode: "stale", lagMs: { min: 5, max: 10 }, readMs: { min: 1, max: 2 } },
        },
      },
      beacon: { readMs: { FRA: { min: 3, max: 4 } } },
      native: { errorShare: 0.5, databaseLatencyMs: 3 },
      origin: { addedLatencyMs: 4 },
    });
    const healed = await (await call("/heal", { method: "POST" })).json();
    expect(healed).toMatchObject({
      api: { faults: [] },
      kv: { locations: { FRA: { mode: "normal", readMs: { min: 0, max: 0 } } } },
      beacon: { readMs: { FRA: { min: 0, max: 0 } } },
      native: { errorShare: 0 },
    });
    sandbox.control.setApi({ limits: { budget: 1_200 } });
    sandbox.control.setKv({ location: "FRA", lagMs: NO_LAG });
  });

  test("makes tokens that the API honours", async () => {
    const made = await call("/tokens", { method: "POST", body: '{"kind":"kv-read-only"}' });
    const { token } = (await made.json()) as { token: string };
    const path = `/storage/kv/namespaces/${sandbox.description.kvNamespaceId}/values/config`;
    const headers = { authorization: `Bearer ${token}` };
    expect((await api(path, { headers })).status).toBe(200);
    expect((await api(path, { method: "PUT", body: "x", headers })).status).toBe(403);
  });

  test("makes tokens with exactly the permissions that are named", async () => {
    const permissions = ["Workers R2 Storage Bucket Item Read"];
    const made = await call("/tokens", { method: "POST", body: JSON.stringify({ permissions }) });
    const { token } = (await made.json()) as { token: string };
    const headers = { authorization: `Bearer ${token}` };
    const status = async (path: string) => (await api(path, { headers })).status;
    const buckets = "/r2/buckets";
    expect(await status(`${buckets}/${sandbox.description.logsBucket}/objects`)).toBe(200);
    expect(await status(buckets)).toBe(403);
    expect(await status("/storage/kv/namespaces")).toBe(403);
  });

  test("wrong bodies are refused with what is accepted", async () => {
    for (const [path, body] of [
      ["/kv", { lag: 5 }],
      ["/kv", { lagMs: { min: 9, max: 1 } }],
      ["/kv", { readMs: { min: 9, max: 1 } }],
      ["/native", { errorShare: 2 }],
      ["/faults", [{ kind: "explosion" }]],
    ] as const) {
      const response = await put(path, body);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        error: expect.any(String),
        accepted: expect.any(Object),
      });
    }
    const notJson = await call("/kv", { method: "PUT", body: "{" });
    expect(notJson.status).toBe(400);
    expect(((await notJson.json()) as { error: string }).error).toMatch(
      /^the body is not JSON\nPUT \/kv takes \{"location"\?: string, "lagMs"\?/,
    );
    expect((await put("/kv", { location: "XXX", frozen: true })).status).toBe(400);
  });

  test("what does not exist is answered with what there is", async () => {
    const nowhere = await put("/kvs", {});
    expect(nowhere.status).toBe(404);
    expect(await nowhere.json()).toEqual({
      error: expect.stringContaining("PUT /kvs"),
      endpoints: summaryOf(CONTROLS),
    });
    const mistaken = await call("/traffic/", { method: "PATCH" });
    expect([mistaken.status, mistaken.headers.get("allow")]).toEqual([405, "GET, PUT, DELETE"]);
    expect(await mistaken.json()).toMatchObject({
      error:
        "no such endpoint: PATCH /traffic; there is GET /traffic, PUT /traffic, DELETE /traffic",
    });
    expect((await call("/faults/12345", { method: "DELETE" })).status).toBe(404);
    expect((await call("/faults/twelve", { method: "DELETE" })).status).toBe(404);
  });

  test("every control that reads answers, also to HEAD", async () => {
    for (const { path } of CONTROLS.filter((row) => row.path.startsWith("GET "))) {
      expect((await call(path.slice(4))).status, path).toBe(200);
      expect((await call(path.slice(4), { method: "HEAD" })).status, path).toBe(200);
    }
  });

  test("a web page cannot use it", async () => {
    const headers = { origin: "https://evil.example" };
    expect((await call("/description", { headers })).status).toBe(403);
  });

  test("starts, reports and stops traffic", async () => {
    await put("/traffic", { visitors: 5, ratePerS: 50 });
    await expect
      .poll(async () => (await (await call("/traffic")).json()) as object, PATIENCE)
      .toMatchObject({ running: true });
    const stopped = await call("/traffic", { method: "DELETE" });
    expect(await stopped.json()).toMatchObject({ running: false });
    const flows = await call("/flows", { method: "POST", body: '{"count":3}' });
    expect(await flows.json()).toMatchObject({ flows: { started: 3 } });
  });
});

test("the configuration and token files are for the owner alone", async () => {
  const { configPath, apiToken, qaToken } = sandbox.description;
  const { environments } = JSON.parse(await readFile(configPath, "utf8"));
  const { tokenFile, qaTokenFile, qaUrls } = environments.sandbox;
  expect([configPath, tokenFile, qaTokenFile].map((path) => statSync(path).mode & 0o777)).toEqual([
    0o600, 0o600, 0o600,
  ]);
  expect((await readFile(tokenFile, "utf8")).trim()).toBe(apiToken);
  expect((await readFile(qaTokenFile, "utf8")).trim()).toBe(qaToken);
  expect(await readFile(configPath, "utf8")).not.toContain(apiToken);
  expect(qaUrls).toEqual([`${sandbox.description.locations[0]?.url}/qa`]);
});
