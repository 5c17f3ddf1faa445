/** Innermost: native if the decision says so and a handler exists, else the origin. */
import type { Context, Handler } from "hono";
import type { AppEnv, Deps } from "../deps.ts";
import { canStillProxy, nativeFailure, serveNative } from "../native/dispatch.ts";
import { originFailure, proxyToOrigin } from "../proxy.ts";

export function serve(deps: Deps): Handler<AppEnv> {
  return async (c) => {
    const record = c.get("record");
    const native = record.decision.cohort === "native" && record.route.phase !== "proxy";
    if (!native) return toOrigin(c, deps);
    try {
      return await serveNative(c, deps);
    } catch (error) {
      record.error = error;
      if (!canStillProxy(c.req.raw)) return nativeFailure();
      record.fellBack = true;
      return toOrigin(c, deps);
    }
  };
}

async function toOrigin(c: Context<AppEnv>, deps: Deps): Promise<Response> {
  const record = c.get("record");
  try {
    return await proxyToOrigin(c.req.raw, record.url, deps.settings.originUrl);
  } catch (error) {
    record.error ??= error;
    return originFailure();
  }
}

/** For paths that carry no decision: the same proxy, and nothing else. */
export function passThrough(deps: Deps): Handler<AppEnv> {
  return async (c) => {
    try {
      return await proxyToOrigin(c.req.raw, new URL(c.req.url), deps.settings.originUrl);
    } catch {
      return originFailure();
    }
  };
}
