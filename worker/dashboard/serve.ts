/** `/qa/dashboard`: the page, its data and its sign-in. Whatever the outcome, nothing of it is stored anywhere. */

import { DASHBOARD_PATH, PAGE_HEADERS } from "../../src/domain/dashboard/page.ts";
import { parseRange } from "../../src/domain/dashboard/range.ts";
import type { Deps } from "../deps.ts";
import type { Bindings } from "../env.ts";
import type { ViewerAdmission } from "./admission.ts";
import { admitViewer, signIn } from "./admission.ts";
import { page } from "./assets.ts";
import { readDashboard } from "./read.ts";
import { NO_VIEWER_COOKIE } from "./viewer-cookie.ts";

export interface DashboardExchange {
  request: Request;
  env: Bindings;
  context: Pick<ExecutionContext, "waitUntil">;
  colo: string | null;
}

/** More is no token. */
const MAX_FORM_BYTES = 4_096;

export async function serveDashboard(given: DashboardExchange, deps: Deps): Promise<Response> {
  const response = await answer(given, deps);
  for (const [name, value] of Object.entries(PAGE_HEADERS)) response.headers.set(name, value);
  return response;
}

async function answer(given: DashboardExchange, deps: Deps): Promise<Response> {
  const { request } = given;
  const { pathname } = new URL(request.url);
  const part = pathname.slice(pathname.indexOf(DASHBOARD_PATH) + DASHBOARD_PATH.length);
  const isGet = request.method === "GET" || request.method === "HEAD";
  // To the page's own address: range and panel stay in it.
  if (part === "" && request.method === "POST") return takeToken(given, deps);
  if (part === "/sign-out" && request.method === "POST") return leave(request);
  if (!isGet) {
    return text(405, "method not allowed", {
      Allow: part === "" ? "GET, HEAD, POST" : "GET, HEAD",
    });
  }
  if (part === "/app.js") return asset(page.script, "text/javascript");
  if (part === "/app.css") return asset(page.style, "text/css");
  if (part !== "" && part !== "/data") return text(404, "not found");
  const admission = await admitViewer(request, given.env, deps);
  if (admission.kind !== "admitted") return turnedAway(admission, part === "" ? request : null);
  return part === "" ? html(200, page.dashboard) : data(given, deps);
}

function turnedAway(
  admission: Exclude<ViewerAdmission, { kind: "admitted" }>,
  /** Null: what is asked for is no page. */
  visit: Request | null,
): Response {
  if (admission.kind === "limited") {
    const retry = { "Retry-After": String(admission.retryAfterS) };
    return text(429, `too many requests: try again in ${admission.retryAfterS} s`, retry);
  }
  if (visit === null) return Response.json({ error: "unauthorized" }, { status: 401 });
  const followed = visit.headers.get("sec-fetch-site") === "cross-site";
  return html(401, page.signIn(admission.openable ? "" : "no-token", followed));
}

async function data({ request, env, context, colo }: DashboardExchange, deps: Deps) {
  const asked = new URL(request.url).searchParams.get("range");
  const range = parseRange(asked, deps.now() / 1_000);
  if (range === null) {
    return Response.json({ error: "unknown range" }, { status: 400 });
  }
  const keepAlive = (work: Promise<unknown>): void => context.waitUntil(work);
  try {
    return Response.json(await readDashboard(range, { env, deps, colo, keepAlive }));
  } catch {
    return Response.json({ error: "internal error" }, { status: 500 });
  }
}

/** Only from our own page: nobody else signs anybody in. */
async function takeToken({ request, env }: DashboardExchange, deps: Deps): Promise<Response> {
  if (!isOwnForm(request)) return text(403, "forbidden: sign in on the page itself");
  const token = await tokenIn(request);
  const result =
    token === null ? ({ kind: "wrong-token" } as const) : await signIn(token, request, env, deps);
  switch (result.kind) {
    case "in":
      return seeOther(request, new URL(request.url).search, result.setCookie);
    case "limited":
      return html(429, page.signIn("limited"), { "Retry-After": String(result.retryAfterS) });
    default:
      return html(401, page.signIn("wrong"));
  }
}

function leave(request: Request): Response {
  if (!isOwnForm(request)) return text(403, "forbidden: sign out on the page itself");
  return seeOther(request, "", NO_VIEWER_COOKIE);
}

function isOwnForm(request: Request): boolean {
  return request.headers.get("origin") === new URL(request.url).origin;
}

/** Null for anything but a short form with a token. */
async function tokenIn(request: Request): Promise<string | null> {
  const length = Number(request.headers.get("content-length") ?? Number.NaN);
  if (!(length <= MAX_FORM_BYTES)) return null;
  try {
    const token = new URLSearchParams(await request.text()).get("token");
    return token === null ? null : token.trim();
  } catch {
    return null;
  }
}

/** To the page. */
function seeOther(request: Request, search: string, setCookie: string): Response {
  const { pathname } = new URL(request.url);
  const location =
    pathname.slice(0, pathname.indexOf(DASHBOARD_PATH) + DASHBOARD_PATH.length) + search;
  return new Response(null, {
    status: 303,
    headers: { Location: location, "Set-Cookie": setCookie },
  });
}

function asset(body: string, type: string): Response {
  return new Response(body, { headers: { "Content-Type": `${type}; charset=utf-8` } });
}

function html(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, {
    status,
    headers: { "Content-Type": "text/html; charset=utf-8", ...headers },
  });
}

function text(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(`${body}\n`, {
    status,
    headers: { "Content-Type": "text/plain; charset=utf-8", ...headers },
  });
}
