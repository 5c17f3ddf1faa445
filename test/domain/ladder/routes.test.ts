/** A route may be deleted only where the legacy origin then answers. */
import { describe, expect, test } from "vitest";
import {
  type DnsRecord,
  hostOf,
  type Look,
  planRoutes,
  type Route,
} from "../../../src/domain/ladder/routes.ts";

const OWN: Route = { id: "1", pattern: "api.pix.immo/*", script: "pix-api" };
const LEGACY: DnsRecord = { type: "CNAME", content: "legacy.pix.immo", proxied: true };

function plan({ routes = [OWN], records = [LEGACY], legacy = ["legacy.pix.immo"] } = {}) {
  const look: Look = {
    worker: "pix-api",
    routes,
    records: new Map([["api.pix.immo", records]]),
    legacy,
  };
  return planRoutes(look);
}

test.each([
  ["api.pix.immo/*", "api.pix.immo"],
  ["https://API.pix.immo/v1/*", "api.pix.immo"],
  ["*.pix.immo/*", null],
  ["*", null],
])("the host of %s is %s", (pattern, host) => {
  expect(hostOf(pattern)).toBe(host);
});

describe("may go", () => {
  test.each<[string, Partial<Parameters<typeof plan>[0]>]>([
    ["where DNS points at the legacy origin", {}],
    [
      "by any of its names, with a dot or capitals",
      { records: [{ ...LEGACY, content: "Legacy.Pix.Immo." }] },
    ],
    [
      "by its address",
      { records: [{ type: "A", content: "192.0.2.1", proxied: true }], legacy: ["192.0.2.1"] },
    ],
    [
      "beside a route that keeps Workers off",
      { routes: [OWN, { id: "2", pattern: "*.pix.immo/*", script: null }] },
    ],
    [
      "beside another Worker's host",
      { routes: [OWN, { id: "2", pattern: "www.pix.immo/*", script: "www" }] },
    ],
    [
      "beside records that are no address",
      { records: [LEGACY, { type: "TXT", content: "x", proxied: false }] },
    ],
  ])("%s", (_, given) => {
    expect(plan(given)).toEqual({ kind: "plan", routes: [OWN], hosts: ["api.pix.immo"] });
  });
});

describe("must stay", () => {
  test.each<[string, Partial<Parameters<typeof plan>[0]>, string]>([
    ["where there is none", { routes: [] }, "no route of this zone leads to pix-api"],
    [
      "that stands for many hosts",
      { routes: [{ ...OWN, pattern: "*.pix.immo/*" }] },
      "more than one host",
    ],
    [
      "where another Worker would catch the host",
      { routes: [OWN, { id: "2", pattern: "*.pix.immo/*", script: "other" }] },
      "would then fit the route *.pix.immo/*, to the Worker other",
    ],
    ["without a record", { records: [] }, "DNS has no record of api.pix.immo"],
    [
      "where DNS points at a placeholder",
      { records: [{ type: "AAAA", content: "100::", proxied: true }] },
      "points at 100::, not at the legacy origin (legacy.pix.immo)",
    ],
    [
      "where one of two records points elsewhere",
      { records: [LEGACY, { type: "A", content: "192.0.2.9", proxied: true }] },
      "points at 192.0.2.9",
    ],
  ])("%s", (_, given, why) => {
    expect(plan(given)).toMatchObject({ kind: "refused", why: expect.stringContaining(why) });
  });
});
