/** A request's way through the Worker, in one place: route → (admit, for `/qa`) → decide → serve → observe. */
import { CLIENT_GONE_STATUS } from "./client-gone.ts";
import { serveDashboard } from "./dashboard/serve.ts";
import { decideCohort, showDecision } from "./decide.ts";
import type { Deps } from "./deps.ts";
import type { Bindings } from "./env.ts";
import type { Exchange } from "./exchange.ts";
import { NO_DECISION, pathOf } from "./exchange.ts";
import { canChange, originFailure } from "./proxy.ts";
import { admit } from "./qa/admission.ts";
import { serveQa } from "./qa/serve.ts";
import { DASHBOARD, QA, type Route, routeOf, STOP } from "./routes.ts";
import { passThrough, serve } from "./serve.ts";
import { serveStop } from "./stop/serve.ts";
import { observe } from "./telemetry/observe.ts";

/** Never rejects. */
export type App = (
  request: Request,
  env: Bindings,
  context: Pick<ExecutionContext, "waitUntil">,
) => Promise<Response>;

export function createApp(deps: Deps): App {
  return async (request, env, context) => {
    try {
      const route = routeOf(request.method, pathOf(request.url));
      const response = await respond(route, request, env, context, deps);
      // What GET answers, without the body; what cannot be copied has none, as it is the origin's own.
      return request.method === "HEAD" && canChange(response)
        ? new Response(null, response)
        : response;
    } catch {
      // Unreachable unless our own code has a bug that none of the catches expected.
      return originFailure();
    }
  };
}

function respond(
  route: Route | null,
  request: Request,
  env: Bindings,
  context: Pick<ExecutionContext, "waitUntil">,
  deps: Deps,
): Promise<Response> {
  if (route === null) return passThrough(request, deps);
  if (route === DASHBOARD) {
    return serveDashboard({ request, env, context, colo: coloOf(request) }, deps);
  }
  if (route === STOP) return serveStop({ request, env, context, colo: coloOf(request) }, deps);
  return answer(open(request, env, context, route, deps.now()), deps);
}

async function answer(exchange: Exchange, deps: Deps): Promise<Response> {
  const isQa = exchange.route === QA;
  watchForHangUp(exchange, deps);
  if (isQa) await admitSafely(exchange, deps);
  const setCookie = await decideCohort(exchange, deps);
  const response = await (isQa ? serveQa(exchange, deps) : serve(exchange, deps));
  if (canChange(response)) showDecision(response.headers, exchange, setCookie);
  observeSafely(exchange, deps, response.status);
  return response;
}

/** Without an admission `/qa` refuses. */
async function admitSafely(exchange: Exchange, deps: Deps): Promise<void> {
  try {
    exchange.admission = await admit(exchange.request, exchange.env, deps);
  } catch (error) {
    exchange.error = error;
  }
}

/**
 * The runtime drops a request whose visitor has gone: only this is told. Not of what is proxied for
 * everybody and brings no body, where nothing is compared and a look into the runtime would be paid for.
 */
function watchForHangUp(exchange: Exchange, deps: Deps): void {
  const { request, route } = exchange;
  if (route.native === null && request.body === null) return;
  request.signal.addEventListener("abort", () => {
    observeSafely(exchange, deps, CLIENT_GONE_STATUS);
  });
}

function observeSafely(exchange: Exchange, deps: Deps, status: number): void {
  try {
    observe(deps, exchange, exchange.fellBack ? 500 : status);
  } catch {
    // Whatever telemetry does, the visitor has an answer.
  }
}

function open(
  request: Request,
  env: Bindings,
  context: Pick<ExecutionContext, "waitUntil">,
  route: Route,
  startedAtMs: number,
): Exchange {
  return {
    request,
    env,
    context,
    startedAtMs,
    route,
    colo: coloOf(request),
    decision: NO_DECISION,
    state: null,
    admission: null,
    error: null,
    fellBack: false,
    observed: false,
  };
}

function coloOf({ cf }: Request): string | null {
  return typeof cf?.colo === "string" ? cf.colo : null;
}
