/** Innermost: native if the decision says so and a handler exists, else the origin. */
import { ClientGoneError, clientGoneAnswer } from "./client-gone.ts";
import { addCorsHeaders, apiCors, isPreflight, requestedMethod } from "./cors.ts";
import type { Deps } from "./deps.ts";
import type { Exchange } from "./exchange.ts";
import { pathOf } from "./exchange.ts";
import { canStillProxy, nativeFailure, serveNative } from "./native/serve.ts";
import { originFailure, proxyToOrigin } from "./proxy.ts";
import { routeOf } from "./routes.ts";

/** The answer's headers can be changed where `canChange` says so. */
export async function serve(exchange: Exchange, deps: Deps): Promise<Response> {
  if (mayAnswerPreflight(exchange, deps)) {
    // No request of any cohort: beside those it would make proxy look busy, quick and without errors.
    exchange.observed = true;
    return readable(exchange, deps, new Response(null, { status: 204 }));
  }
  const handler = exchange.decision.cohort === "native" ? exchange.route.native : null;
  if (handler === null) return toOrigin(exchange, deps);
  try {
    return readable(exchange, deps, await serveNative(handler, exchange, deps));
  } catch (error) {
    // Who has left may be asking again: the origin must not do for him what nobody waits for.
    const gone = error instanceof ClientGoneError || exchange.request.signal.aborted;
    if (gone) return clientGoneAnswer();
    exchange.error = error;
    if (!canStillProxy(exchange.request)) return readable(exchange, deps, nativeFailure());
    exchange.fellBack = true;
    return toOrigin(exchange, deps);
  }
}

/**
 * A preflight has no cookie, so it cannot tell by whom the request will be served: where native may, the
 * edge answers for both. Under an emergency everything is the legacy origin's, as without the edge.
 */
function mayAnswerPreflight({ request, state }: Exchange, { settings }: Deps): boolean {
  return (
    isPreflight(request) &&
    state !== null &&
    !state.emergency &&
    settings.allowedOrigins.has(request.headers.get("origin") ?? "") &&
    canBeNative(request)
  );
}

/** What a preflight asks about. */
function canBeNative(request: Request): boolean {
  const route = routeOf(requestedMethod(request) ?? "", pathOf(request.url));
  return route !== null && route.native !== null;
}

/** By the pages that may; what the legacy origin answers has CORS headers of its own. */
function readable({ request }: Exchange, { settings }: Deps, response: Response): Response {
  addCorsHeaders(response.headers, request, apiCors(settings.allowedOrigins, request));
  return response;
}

async function toOrigin(exchange: Exchange, deps: Deps): Promise<Response> {
  try {
    return await proxyToOrigin(exchange.request, deps.settings.originUrl);
  } catch (error) {
    if (error instanceof ClientGoneError) return clientGoneAnswer();
    exchange.error ??= error;
    return readable(exchange, deps, originFailure(error));
  }
}

/** For paths that carry no decision: the same proxy, and nothing else. */
export async function passThrough(request: Request, deps: Deps): Promise<Response> {
  try {
    return await proxyToOrigin(request, deps.settings.originUrl);
  } catch (error) {
    return error instanceof ClientGoneError ? clientGoneAnswer() : originFailure(error);
  }
}
