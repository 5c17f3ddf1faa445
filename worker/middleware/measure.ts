/** Outermost: opens the exchange, and writes point and log line when it is answered. */
import type { Context, Handler } from "hono";
import { classify, isQaPath } from "../../src/domain/routes.ts";
import type { AppEnv, Deps } from "../deps.ts";
import type { Exchange, Stage } from "../exchange.ts";
import { NO_DECISION, pathOf } from "../exchange.ts";
import { observe } from "../telemetry/observe.ts";

export function measure(deps: Deps, next: Stage): Handler<AppEnv> {
  return async (c) => {
    const exchange = open(c, deps.now());
    const response = await next(exchange);
    try {
      observe(deps, exchange, exchange.fellBack ? 500 : response.status);
    } catch {
      // Whatever telemetry does, the visitor has an answer.
    }
    return response;
  };
}

function open(c: Context<AppEnv>, nowMs: number): Exchange {
  const request = c.req.raw;
  const path = pathOf(request.url);
  const colo = request.cf?.colo;
  return {
    request,
    env: c.env,
    context: c.executionCtx,
    startedAtMs: nowMs,
    route: isQaPath(path) ? { route: "/qa", phase: "proxy" } : classify(request.method, path),
    colo: typeof colo === "string" ? colo : null,
    decision: NO_DECISION,
    state: null,
    admission: null,
    error: null,
    fellBack: false,
  };
}
