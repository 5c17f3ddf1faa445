/** The one routing table. */
import { expect, test } from "vitest";
import { QA, routeOf } from "../../worker/routes.ts";

const ROWS: readonly [string, string, string | null, boolean][] = [
  ["GET", "/qa", "/qa", false],
  ["PUT", "/api/qa", "/qa", false],
  ["GET", "/qa/", null, false],
  ["GET", "/api/qa/", "/api/*", false],
  ["GET", "/qa/dashboard", "/qa/dashboard", false],
  ["POST", "/api/qa/dashboard/sign-out", "/qa/dashboard", false],
  ["POST", "/qa/stop", "/qa/stop", false],
  ["POST", "/api/qa/stop", "/qa/stop", false],
  ["GET", "/qa/stop", "/qa/stop", false],
  ["POST", "/qa/stop/", null, false],
  ["GET", "/qa/dashboardX", null, false],
  ["GET", "//qa/dashboard", null, false],
  ["GET", "/api/qa/dashboardX", "/api/*", false],
  ["POST", "/api/pixcapture/upload/intent", "/api/pixcapture/upload/intent", true],
  ["PUT", "/api/pixcapture/upload/intent", "/api/pixcapture/upload/:id", true],
  ["PUT", "/api/pixcapture/upload/7", "/api/pixcapture/upload/:id", true],
  ["PUT", "/api/pixcapture/upload/7/8", "/api/*", false],
  ["PUT", "/api/pixcapture/upload/", "/api/*", false],
  ["POST", "/api/pixcapture/upload/finalize", "/api/pixcapture/upload/finalize", true],
  ["GET", "/api/pixcapture/upload/finalize", "/api/*", false],
  ["GET", "/api/pixcapture/download/7", "/api/pixcapture/download/:id", true],
  ["HEAD", "/api/pixcapture/download/7", "/api/pixcapture/download/:id", true],
  ["GET", "/api/jobs", "/api/jobs", true],
  ["HEAD", "/api/jobs/7", "/api/jobs/:id", true],
  ["OPTIONS", "/api/jobs/7", "/api/*", false],
  ["get", "/api/jobs", "/api/*", false],
  ["GET", "/api/jobs/", "/api/*", false],
  ["GET", "/api", "/api/*", false],
  ["DELETE", "/api/", "/api/*", false],
  ["PURGE", "/api//jobs", "/api/*", false],
  ["GET", "/apis", null, false],
  ["GET", "/API/jobs", null, false],
  ["GET", "/%61pi/jobs", null, false],
  ["GET", "/", null, false],
  ["GET", "/x/api/jobs", null, false],
];

test.each(ROWS)("%s %s counts as %s", (method, path, template, hasNative) => {
  const route = routeOf(method, path);
  expect(route?.template ?? null).toBe(template);
  expect(route !== null && route.native !== null).toBe(hasNative);
  expect(route?.phase !== "proxy" && route !== null).toBe(hasNative);
  expect(route === QA).toBe(template === "/qa");
});
