/** Live tails of a Worker: made, listed and deleted here, followed over their own WebSocket. */
import type { Hono } from "hono";
import { filtersSchema } from "../logs/tail-filters.ts";
import { MAX_TAILS, type Tails } from "../logs/tails.ts";
import type { ApiContext, ApiDeps, ApiEnv } from "./access.ts";
import { CODES, failure, ok } from "./envelope.ts";
import { refuseScript } from "./script-routes.ts";

const BASE = "/accounts/:account/workers/scripts/:script/tails";

export function tailRoutes(
  api: Hono<ApiEnv>,
  deps: Pick<ApiDeps, "accountId" | "worker">,
  tails: Tails,
): void {
  const refused = (c: ApiContext): Response | null => refuseScript(c, deps, "tail:read");

  api.get(BASE, (c) => refused(c) ?? ok(tails.list()));
  api.post(BASE, async (c) => refused(c) ?? create(await c.req.text(), tails));
  api.delete(`${BASE}/:tail`, (c) => {
    const answer = refused(c);
    if (answer !== null) return answer;
    const gone = tails.delete(c.req.param("tail") ?? "");
    return gone ? ok(null) : failure(404, CODES.objectNotFound, "No such tail.");
  });
}

function create(text: string, tails: Tails): Response {
  let body: unknown;
  try {
    body = text.trim() === "" ? {} : JSON.parse(text);
  } catch {
    return failure(400, CODES.badRequest, "the body is not JSON");
  }
  const parsed = filtersSchema.safeParse(body);
  if (!parsed.success) return failure(400, CODES.badRequest, "filters are not valid");
  const tail = tails.create(parsed.data.filters);
  if (tail !== null) return ok(tail);
  return failure(400, CODES.tooManyTails, `at most ${MAX_TAILS} clients may tail a Worker`);
}
