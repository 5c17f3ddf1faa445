/** Which requests carry a decision, and which of those have a native handler. */
export type Phase = "b1a" | "b1b" | "proxy";

export interface Route {
  /** A template, never a raw path: it goes into metrics and logs. */
  route: string;
  /** `proxy`: no native handler exists, so the request is proxied whatever the cohort. */
  phase: Phase;
}

const OTHER: Route = { route: "/api/*", phase: "proxy" };

/** Exact paths first; `:id` is one path segment. */
const NATIVE: readonly { method: string; pattern: RegExp; route: Route }[] = [
  {
    method: "POST",
    pattern: /^\/api\/pixcapture\/upload\/intent$/,
    route: { route: "/api/pixcapture/upload/intent", phase: "b1a" },
  },
  {
    method: "PUT",
    pattern: /^\/api\/pixcapture\/upload\/[^/]+$/,
    route: { route: "/api/pixcapture/upload/:id", phase: "b1a" },
  },
  {
    method: "POST",
    pattern: /^\/api\/pixcapture\/upload\/finalize$/,
    route: { route: "/api/pixcapture/upload/finalize", phase: "b1a" },
  },
  {
    method: "GET",
    pattern: /^\/api\/pixcapture\/download\/[^/]+$/,
    route: { route: "/api/pixcapture/download/:id", phase: "b1b" },
  },
  { method: "GET", pattern: /^\/api\/jobs$/, route: { route: "/api/jobs", phase: "b1b" } },
  {
    method: "GET",
    pattern: /^\/api\/jobs\/[^/]+$/,
    route: { route: "/api/jobs/:id", phase: "b1b" },
  },
];

/** HEAD is answered like GET. Unknown methods and paths are the legacy origin's business. */
export function classify(method: string, pathname: string): Route {
  const asked = method === "HEAD" ? "GET" : method;
  for (const native of NATIVE) {
    if (native.method === asked && native.pattern.test(pathname)) return native.route;
  }
  return OTHER;
}

export function isQaPath(pathname: string): boolean {
  return pathname === "/qa" || pathname === "/api/qa";
}
