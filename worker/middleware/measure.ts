/** Outermost: opens the exchange, and writes point and log line when it is answered. */
import type { Context, Handler } from "hono";
import { classify, isQaPath } from "../../src/domain/decision/routes.ts";
import { CLIENT_GONE_STATUS } from "../client-gone.ts";
import type { AppEnv, Deps } from "../deps.ts";
import type { Exchange, Stage } from "../exchange.ts";
import { NO_DECISION, pathOf } from "../exchange.ts";
import { observe } from "../telemetry/observe.ts";

export function measure(deps: Deps, next: Stage): Handler<AppEnv> {
  return async (c) => {
    const exchange = open(c, deps.now());
    watchForHangUp(deps, exchange);
    const response = await next(exchange);
    observeSafely(deps, exchange, response.status);
    return response;
  };
}

/**
 * The runtime drops a request whose visitor has gone: only this is told. Not of what is proxied for
 * everybody and brings no body, where nothing is compared and a look into the runtime would be paid for.
 */
function watchForHangUp(deps: Deps, exchange: Exchange): void {
  const { request, route } = exchange;
  if (route.phase === "proxy" && request.body === null) return;
  request.signal.addEventListener("abort", () => {
    observeSafely(deps, exchange, CLIENT_GONE_STATUS);
  });
}

function observeSafely(deps: Deps, exchange: Exchange, status: number): void {
  try {
    observe(deps, exchange, exchange.fellBack ? 500 : status);
  } catch {
    // Whatever telemetry does, the visitor has an answer.
  }
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
    observed: false,
  };
}
