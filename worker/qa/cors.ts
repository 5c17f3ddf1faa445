/** CORS of `/qa`: nothing is allowed but the origins listed in QA_ALLOWED_ORIGINS. */
import { CANARY_HEADER, DECISION_HEADER } from "../../src/domain/decision-headers.ts";

/** Adds what a browser needs to `headers`; for other origins, only `Vary`. */
export function addCorsHeaders(
  headers: Headers,
  request: Request,
  allowed: ReadonlySet<string>,
): void {
  headers.append("Vary", "Origin");
  const origin = request.headers.get("origin");
  if (origin === null || !allowed.has(origin)) return;
  headers.set("Access-Control-Allow-Origin", origin);
  headers.set("Access-Control-Expose-Headers", `${CANARY_HEADER}, ${DECISION_HEADER}, Retry-After`);
  if (request.method === "OPTIONS") {
    headers.set("Access-Control-Allow-Methods", "GET, HEAD");
    headers.set("Access-Control-Allow-Headers", "Authorization");
    headers.set("Access-Control-Max-Age", "600");
  }
}
