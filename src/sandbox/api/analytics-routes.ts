/** Analytics Engine's SQL API: plain SQL in, rows out, without Cloudflare's envelope. */
import type { Hono } from "hono";
import { QueryError } from "../analytics/chdb.ts";
import type { AnalyticsEngine } from "../analytics/engine.ts";
import { checkSql } from "../analytics/sql.ts";
import { type ApiDeps, type ApiEnv, refuse } from "./access.ts";
import { CODES, failure } from "./envelope.ts";

const MAX_SQL_CHARS = 64 * 1024;

export function analyticsRoutes(
  api: Hono<ApiEnv>,
  deps: Pick<ApiDeps, "accountId">,
  engine: AnalyticsEngine,
): void {
  api.post("/accounts/:account/analytics_engine/sql", async (c) => {
    return refuse(c, deps, "analytics:read") ?? answer(await c.req.text(), engine);
  });
}

async function answer(text: string, engine: AnalyticsEngine): Promise<Response> {
  if (text.length > MAX_SQL_CHARS) return wrong("the query is too long");
  const checked = checkSql(text);
  if (!checked.ok) return wrong(checked.problem);
  const unknown = checked.datasets.find((dataset) => !engine.has(dataset));
  if (unknown !== undefined) return wrong(`unknown table: ${unknown}`);
  try {
    const rows = await engine.select(checked);
    if (checked.format !== "JSON") return new Response(rows);
    return new Response(inAnalyticsShape(rows), {
      headers: { "content-type": "application/json" },
    });
  } catch (error) {
    if (error instanceof QueryError) return wrong(firstLine(error.message));
    const message = error instanceof Error ? error.message : "no analytics";
    return failure(503, CODES.internal, message);
  }
}

/** How the real one words its errors is not documented: clients must go by the status. */
function wrong(problem: string): Response {
  return new Response(`Input was invalid: ${problem}\n`, { status: 422 });
}

/** Without chDB's statistics. */
function inAnalyticsShape(json: string): string {
  const { meta, data, rows } = JSON.parse(json) as Record<string, unknown>;
  return JSON.stringify({ meta, data, rows });
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]?.slice(0, 500) ?? "";
}
