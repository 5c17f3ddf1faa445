/** The Node side of the Worker's KV binding. */
import { expect, test } from "vitest";
import { kvService } from "../../src/sandbox/edge/kv-service.ts";
import { CentralStore } from "../../src/sandbox/kv/central-store.ts";
import { Replicas } from "../../src/sandbox/kv/replicas.ts";
import { seededRandom } from "../../src/sandbox/random.ts";

function setUp() {
  const store = new CentralStore();
  const lagMs = { min: 0, max: 0 };
  const replicas = new Replicas({ locations: ["FRA"], store, lagMs, random: seededRandom(1) });
  const closing = new AbortController();
  const call = kvService(store, replicas, closing.signal)("FRA");
  return { store, replicas, closing, call };
}

test("a bulk read answers each key in order, null for what is not there", async () => {
  const { store, call } = setUp();
  store.put("stop", "s");
  const response = await call("get", { keys: ["config", "stop"] });
  expect(response.json).toEqual({ values: [null, "s"] });
});

test("a list comes in pages of a thousand, each after the cursor of the one before", async () => {
  const { store, call } = setUp();
  const names = Array.from({ length: 1_100 }, (_, i) => `journal/${String(i).padStart(4, "0")}`);
  for (const name of names) store.put(name, "e");
  const first = await call("list", { prefix: "journal/" });
  expect(first.json).toEqual({ names: names.slice(0, 1_000), cursor: "journal/0999" });
  const second = await call("list", { prefix: "journal/", cursor: "journal/0999" });
  expect(second.json).toEqual({ names: names.slice(1_000), cursor: "" });
});

test("what the Worker writes is in the centre, with its lifetime", async () => {
  const { store, call } = setUp();
  await call("put", { key: "config", value: "c", ttlS: 3_600 });
  expect(store.text("config")).toBe("c");
  expect(store.list({ limit: 10 }).keys[0]?.expirationS).toBeGreaterThan(Date.now() / 1000);
  await call("delete", { key: "config" });
  expect(store.text("config")).toBeNull();
});

test("a read that hangs is not answered until the sandbox closes", async () => {
  const { replicas, closing, call } = setUp();
  replicas.setMode("hang");
  const seen: number[] = [];
  const pending = call("get", { keys: ["config"] }).then(({ status }) => seen.push(status));
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual([]);
  closing.abort();
  await pending;
  expect(seen).toEqual([503]);
});

test("a slow read answers what was there when it was asked, and no later than the sandbox closes", async () => {
  const { store, replicas, closing, call } = setUp();
  store.put("config", "before");
  replicas.setReadMs({ min: 600_000, max: 600_000 }, "FRA");
  const seen: unknown[] = [];
  const slow = call("get", { keys: ["config"] }).then(({ json }) => seen.push(json));
  store.put("config", "after");
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual([]);
  closing.abort();
  await slow;
  expect(seen).toEqual([{ values: ["before"] }]);
});

test("a read that throws is a 503 at once", async () => {
  const { replicas, call } = setUp();
  replicas.setMode("throw");
  expect((await call("get", { keys: ["config"] })).status).toBe(503);
});
