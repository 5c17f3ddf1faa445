/** Runs a native handler for a user who is logged in; what the visitor gets when it fails. */
import type { Deps } from "../deps.ts";
import type { Exchange } from "../exchange.ts";
import { writePoint } from "../telemetry/observe.ts";
import { askChaos } from "./chaos.ts";
import type { NativeHandler } from "./context.ts";
import { errorResponse } from "./context.ts";

/** Throws whatever native throws; see `canStillProxy` for what to do then. */
export async function serveNative(
  handler: NativeHandler,
  exchange: Exchange,
  deps: Deps,
): Promise<Response> {
  const response = await answer(handler, exchange, deps);
  // Users' own data, and addresses that are as good as a key to it.
  response.headers.set("Cache-Control", PRIVATE);
  return response;
}

const PRIVATE = "private, no-store";

async function answer(handler: NativeHandler, exchange: Exchange, deps: Deps): Promise<Response> {
  const { request, env, context, route } = exchange;
  const chaos = await askChaos(env, deps.settings, route.template);
  chaos.before();
  const user = await deps.sessions(env).userOf(request.headers);
  if (user === null) return errorResponse(401, "no_session");
  const response = await handler({
    request,
    url: new URL(request.url),
    env,
    settings: deps.settings,
    urls: deps.urls,
    user,
    count: (kind, details = {}) => writePoint(deps, exchange, kind, details),
    waitUntil: (work) => context.waitUntil(work),
    now: deps.now,
  });
  chaos.after();
  return response;
}

/** A body that was read, if only in part, cannot be sent again. */
export function canStillProxy(request: Request): boolean {
  return !request.bodyUsed && request.body?.locked !== true;
}

export function nativeFailure(): Response {
  return Response.json(
    {
      error: "native_failed",
      message: "The request failed after its body was read. You can try again.",
    },
    { status: 502, headers: { "Cache-Control": PRIVATE } },
  );
}
