/** Which handler serves which route, and what the visitor gets when it fails. */
import type { Deps } from "../deps.ts";
import type { Exchange } from "../exchange.ts";
import { writePoint } from "../telemetry/observe.ts";
import { askChaos } from "./chaos.ts";
import type { NativeContext } from "./context.ts";
import { errorResponse } from "./context.ts";
import { download, listJobs, showJob } from "./jobs.ts";
import { createIntent, finalize, upload } from "./uploads.ts";

/** Keys are the templates of src/domain/decision/routes.ts. */
const HANDLERS: Readonly<Record<string, (context: NativeContext) => Promise<Response>>> = {
  "/api/pixcapture/upload/intent": createIntent,
  "/api/pixcapture/upload/:id": upload,
  "/api/pixcapture/upload/finalize": finalize,
  "/api/pixcapture/download/:id": download,
  "/api/jobs": listJobs,
  "/api/jobs/:id": showJob,
};

/** Throws whatever native throws; see `canStillProxy` for what to do then. */
export async function serveNative(exchange: Exchange, deps: Deps): Promise<Response> {
  const response = await answer(exchange, deps);
  // Users' own data, and addresses that are as good as a key to it.
  response.headers.set("Cache-Control", PRIVATE);
  return response;
}

const PRIVATE = "private, no-store";

async function answer(exchange: Exchange, deps: Deps): Promise<Response> {
  const { request, env, context } = exchange;
  const route = exchange.route.route;
  const handler = HANDLERS[route];
  if (handler === undefined) throw new Error(`no native handler for ${route}`);
  const chaos = await askChaos(env, deps.settings, route);
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
      message: "The request failed after it had been read; it can be tried again.",
    },
    { status: 502, headers: { "Cache-Control": PRIVATE } },
  );
}
