/** Innermost: native if the decision says so and a handler exists, else the origin. */
import type { Context } from "hono";
import type { AppEnv, Deps } from "../deps.ts";
import type { Exchange, Stage } from "../exchange.ts";
import { canStillProxy, nativeFailure, serveNative } from "../native/dispatch.ts";
import { originFailure, proxyToOrigin } from "../proxy.ts";

export function serve(deps: Deps): Stage {
  return async (exchange) => {
    const native = exchange.decision.cohort === "native" && exchange.route.phase !== "proxy";
    if (!native) return toOrigin(exchange, deps);
    try {
      return await serveNative(exchange, deps);
    } catch (error) {
      exchange.error = error;
      if (!canStillProxy(exchange.request)) return nativeFailure();
      exchange.fellBack = true;
      return toOrigin(exchange, deps);
    }
  };
}

async function toOrigin(exchange: Exchange, deps: Deps): Promise<Response> {
  try {
    return await proxyToOrigin(exchange.request, deps.settings.originUrl);
  } catch (error) {
    exchange.error ??= error;
    return originFailure();
  }
}

/** For paths that carry no decision: the same proxy, and nothing else. */
export function passThrough(deps: Deps): (c: Context<AppEnv>) => Promise<Response> {
  return async (c) => {
    try {
      return await proxyToOrigin(c.req.raw, deps.settings.originUrl);
    } catch {
      return originFailure();
    }
  };
}
