/** Zones, DNS records and Workers routes of the sandbox's API. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Zone } from "../../src/sandbox/api/zones.ts";
import { type ApiUnderTest, startApi } from "./api-harness.ts";

let api: ApiUnderTest;
let zone: Zone;
beforeEach(async () => {
  api = await startApi();
  const at = { host: "api.pix.test", legacy: "192.0.2.7", script: "pix-sandbox" };
  zone = api.held.zones.add("pix.test", at);
});
afterEach(() => api.close());

const result = async (answer: Promise<Response>) =>
  ((await (await answer).json()) as { result: unknown }).result;
const routes = () => `/zones/${zone.id}/workers/routes`;

test("a zone is found by its name, its routes and records by the zone", async () => {
  expect(await result(api.call("/zones?name=pix.test"))).toMatchObject([{ id: zone.id }]);
  expect(await result(api.call("/zones?name=other.test"))).toEqual([]);
  expect(await result(api.call(routes()))).toMatchObject([
    { pattern: "api.pix.test/*", script: "pix-sandbox" },
  ]);
  const records = `/zones/${zone.id}/dns_records?name.exact=api.pix.test`;
  expect(await result(api.call(records))).toMatchObject([
    { type: "A", content: "192.0.2.7", proxied: true },
  ]);
  expect((await api.call("/zones/none/workers/routes")).status).toBe(404);
});

test("a route that is deleted leads nowhere, until there is one with its pattern again", async () => {
  const { zones } = api.held;
  const [route] = zone.routes;
  const { status } = await api.call(`${routes()}/${route?.id}`, { method: "DELETE" });
  expect([status, zones.leadTo("pix-sandbox")]).toEqual([200, false]);
  const again = await api.call(`${routes()}/${route?.id}`, { method: "DELETE" });
  expect(again.status).toBe(404);
  const body = JSON.stringify({ pattern: "api.pix.test/*", script: "pix-sandbox" });
  const post = () => api.call(routes(), { method: "POST", body });
  expect([(await post()).status, zones.leadTo("pix-sandbox")]).toEqual([200, true]);
  expect((await post()).status).toBe(409);
});

test("a route to a Worker that is not there is refused", async () => {
  const body = JSON.stringify({ pattern: "www.pix.test/*", script: "other" });
  expect((await api.call(routes(), { method: "POST", body })).status).toBe(400);
});

test("each token does what its permissions say", async () => {
  const reads = api.token("full", ["Workers Routes Read"]);
  const { status } = await api.call(routes(), { token: reads });
  const denied = [
    api.call(`${routes()}/x`, { method: "DELETE", token: reads }),
    api.call(`/zones/${zone.id}/dns_records`, { token: reads }),
    api.call(routes(), { token: api.token("full", ["DNS Read"]) }),
  ];
  const answers = await Promise.all(denied);
  expect([status, ...answers.map((one) => one.status)]).toEqual([200, 403, 403, 403]);
  expect(await result(api.call("/zones", { token: api.token("full", []) }))).toEqual([]);
});
