/** Outermost: opens the record of a request, and writes point and log line when it is answered. */
import type { MiddlewareHandler } from "hono";
import { classify, isQaPath } from "../../src/domain/routes.ts";
import type { AppEnv, Deps } from "../deps.ts";
import type { RequestRecord } from "../record.ts";
import { NO_DECISION } from "../record.ts";
import { observe } from "../telemetry/observe.ts";

export function measure(deps: Deps): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const record = openRecord(c.req.raw, deps.now());
    c.set("record", record);
    await next();
    try {
      observe(deps, record, c.req.raw, record.fellBack ? 500 : c.res.status);
    } catch {
      // Whatever telemetry does, the visitor has an answer.
    }
  };
}

function openRecord(request: Request, nowMs: number): RequestRecord {
  const url = new URL(request.url);
  const colo = request.cf?.colo;
  return {
    startedAtMs: nowMs,
    url,
    route: isQaPath(url.pathname)
      ? { route: "/qa", phase: "proxy" }
      : classify(request.method, url.pathname),
    colo: typeof colo === "string" ? colo : null,
    decision: NO_DECISION,
    state: null,
    admission: null,
    error: null,
    fellBack: false,
  };
}
