/** The one routing table: what a request counts as, and which native handler can serve it. */
import { DASHBOARD_PATH } from "../src/domain/dashboard/page.ts";
import type { Phase } from "../src/domain/metrics/point.ts";
import { STOP_PATH } from "../src/domain/signed-stop/message.ts";
import type { NativeHandler } from "./native/context.ts";
import { download, listJobs, showJob } from "./native/jobs.ts";
import { createIntent, finalize, upload } from "./native/uploads.ts";

export interface Route {
  /** A template, never a raw path: it goes into metrics and logs. */
  template: string;
  phase: Phase;
  /** Null: there is none, so the request is proxied whatever the cohort. */
  native: NativeHandler | null;
}

/** Decides about nobody, and is not observed: whoever looks is no visitor. */
export const DASHBOARD: Route = { template: "/qa/dashboard", phase: "proxy", native: null };
/** Takes a signed stop; decides about nobody, and is not observed. */
export const STOP: Route = { template: "/qa/stop", phase: "proxy", native: null };
export const QA: Route = { template: "/qa", phase: "proxy", native: null };
const OTHER: Route = { template: "/api/*", phase: "proxy", native: null };

interface Row {
  /** Null: any. HEAD is answered like GET. */
  method: string | null;
  pattern: RegExp;
  route: Route;
}

/** The first that fits. A path that is not here carries no decision: it is proxied and nothing else. */
const ROUTES: readonly Row[] = [
  any("/qa", QA),
  any("/api/qa", QA),
  native("POST", "/api/pixcapture/upload/intent", "b1a", createIntent),
  native("PUT", "/api/pixcapture/upload/:id", "b1a", upload),
  native("POST", "/api/pixcapture/upload/finalize", "b1a", finalize),
  native("GET", "/api/pixcapture/download/:id", "b1b", download),
  native("GET", "/api/jobs", "b1b", listJobs),
  native("GET", "/api/jobs/:id", "b1b", showJob),
  // Behind what visitors ask for: each row before costs every request a look.
  any(`/qa${STOP_PATH}`, STOP),
  any(`/api/qa${STOP_PATH}`, STOP),
  any(DASHBOARD_PATH, DASHBOARD),
  any(`${DASHBOARD_PATH}/*`, DASHBOARD),
  any(`/api${DASHBOARD_PATH}`, DASHBOARD),
  any(`/api${DASHBOARD_PATH}/*`, DASHBOARD),
  any("/api", OTHER),
  any("/api/*", OTHER),
];

/** Unknown methods and paths below /api are the legacy origin's business. Null: no decision at all. */
export function routeOf(method: string, path: string): Route | null {
  const asked = method === "HEAD" ? "GET" : method;
  for (const row of ROUTES) {
    if ((row.method === null || row.method === asked) && row.pattern.test(path)) return row.route;
  }
  return null;
}

function any(path: string, route: Route): Row {
  return { method: null, pattern: patternOf(path), route };
}

function native(method: string, path: string, phase: Phase, handler: NativeHandler): Row {
  return { method, pattern: patternOf(path), route: { template: path, phase, native: handler } };
}

/** `:id` is one segment, `*` whatever follows. */
function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(":id", "[^/]+").replace("*", ".*")}$`);
}
