/** Answers `/qa` and `/api/qa`, in every outcome of admission. */

import { NO_QA_TOKEN, WRONG_TOKENS } from "../../src/domain/config/qa-token.ts";
import type { QaDocument } from "../../src/domain/proof/qa-document.ts";
import { addCorsHeaders, qaCors } from "../cors.ts";
import type { Deps } from "../deps.ts";
import type { Exchange } from "../exchange.ts";
import type { Admission } from "./admission.ts";
import { qaDocument } from "./document.ts";

export async function serveQa(exchange: Exchange, deps: Deps): Promise<Response> {
  const { admission, request } = exchange;
  const response =
    admission?.kind === "admitted" ? await documentResponse(exchange, deps) : turnedAway(admission);
  response.headers.set("Cache-Control", "no-store");
  addCorsHeaders(response.headers, request, qaCors(deps.settings.qaAllowedOrigins));
  return response;
}

/** No admission at all means that ours failed: refuse. */
function turnedAway(admission: Exclude<Admission, { kind: "admitted" }> | null): Response {
  switch (admission?.kind) {
    case "preflight":
      return new Response(null, { status: 204 });
    case "limited":
      return refusal(429, admission.because === "rate" ? "rate_limited" : WRONG_TOKENS, {
        "Retry-After": String(admission.retryAfterS),
      });
    case "wrong-method":
      return refusal(405, "method_not_allowed", { Allow: "GET, HEAD, OPTIONS" });
    default:
      return refusal(401, admission?.openable === false ? NO_QA_TOKEN : "unauthorized", {
        "WWW-Authenticate": "Bearer",
      });
  }
}

function refusal(status: number, error: string, headers: Record<string, string>): Response {
  return Response.json({ error }, { status, headers });
}

function isVerified({ admission }: Exchange): boolean {
  return admission?.kind === "admitted" && admission.verified;
}

async function documentResponse(exchange: Exchange, deps: Deps): Promise<Response> {
  const context = {
    env: exchange.env,
    settings: deps.settings,
    waitUntil: (work: Promise<unknown>) => exchange.context.waitUntil(work),
  };
  const wantsCached = new URL(exchange.request.url).searchParams.get("health") === "cached";
  const [health, metrics24h] = await Promise.all([
    wantsCached ? deps.health.cached() : deps.health.full(context),
    wantsCached ? deps.metrics24h.cached() : deps.metrics24h.current(context.waitUntil),
  ]);
  const document: QaDocument = qaDocument({
    nowMs: deps.now(),
    colo: exchange.colo,
    workerVersion: deps.settings.workerVersion,
    decision: exchange.decision,
    state: exchange.state,
    beacon: deps.state.beacon(),
    health,
    metrics24h,
    cookieKeyIds: deps.cookies.keyIds,
    guardian: deps.settings.guardian.mode,
    operators: isVerified(exchange) ? deps.settings.operators : null,
    environment: isVerified(exchange) ? deps.settings.notify.env : null,
    proxyOnly: deps.settings.proxyOnly,
  });
  return Response.json(document);
}
