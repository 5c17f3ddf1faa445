import { expect, it } from "vitest";
import { permissionFor } from "../../src/adapters/permissions.ts";

const KV = "/accounts/a/storage/kv/namespaces/n";

it.each([
  ["get", `${KV}/values/stop`, "Workers KV Storage: Read"],
  ["get", `${KV}/keys`, "Workers KV Storage: Read"],
  ["post", `${KV}/bulk/get`, "Workers KV Storage: Read"],
  ["put", `${KV}/values/stop`, "Workers KV Storage: Edit"],
  ["delete", `${KV}/values/probe`, "Workers KV Storage: Edit"],
  ["post", "/accounts/a/analytics_engine/sql", "Account Analytics: Read"],
  ["get", "/accounts/a/r2/buckets/logs/objects", "Workers R2 Storage: Read"],
  ["put", "/accounts/a/r2/buckets/media/objects/k", "Workers R2 Storage: Edit"],
  ["post", "/accounts/a/workers/scripts/pix-api/tails", "Workers Tail: Read"],
  ["get", "/accounts/a/logpush/jobs", "Logs: Edit"],
  ["put", "/accounts/a/workers/scripts/pix-api/secrets", "Workers Scripts: Edit"],
  ["post", "/accounts/a/workers/scripts/pix-api/deployments", "Workers Scripts: Edit"],
  ["get", "/zones/z/workers/routes", "Workers Routes: Read"],
  ["delete", "/zones/z/workers/routes/r", "Workers Routes: Edit"],
  ["get", "/zones/z/dns_records", "DNS: Read"],
  ["get", "/user/tokens/verify", null],
])("%s %s needs %s", (method, path, permission) => {
  expect(permissionFor(method, path)).toBe(permission);
});
