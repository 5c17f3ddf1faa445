/**
 * The dashboard on loopback. Others on this machine, and pages of the browser that asks, must not read it: the
 * address that is opened holds a secret that works once and is changed for a cookie; the Host must be our own.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dashboard, script, style } from "#dashboard-page";
import type { DashboardDocument } from "../domain/dashboard/document.ts";
import { DASHBOARD_PATH, PAGE_HEADERS } from "../domain/dashboard/page.ts";
import type { Range } from "../domain/dashboard/range.ts";
import { parseRange } from "../domain/dashboard/range.ts";
import type { Pages } from "../ports/pages.ts";

/** No visitor's requests go through this machine, and nobody signs in here: the page leaves both out. */
const localPage = dashboard.replace("<html ", "<html data-local ");

type Read = (range: Range) => Promise<DashboardDocument>;

/** Until the signal aborts; resolves with what was wrong, null if nothing was: as a bundle of its own it throws nothing. */
export async function serveDashboard(
  read: Read,
  { signal, ready }: Parameters<Pages["serve"]>[1],
): Promise<string | null> {
  const doors: Doors = {
    code: randomBytes(24).toString("base64url"),
    cookie: randomBytes(24).toString("base64url"),
  };
  let port = 0;
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value);
    void answer(request, response, { doors, host: `127.0.0.1:${port}`, read });
  });
  server.listen(0, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    return `cannot serve on loopback: ${error instanceof Error ? error.message : String(error)}`;
  }
  ({ port } = server.address() as AddressInfo);
  ready(`http://127.0.0.1:${port}${DASHBOARD_PATH}?start=${doors.code}`);
  if (!signal.aborted) await once(signal, "abort");
  server.close();
  server.closeAllConnections();
  return null;
}

interface Doors {
  /** Null: it has been used. */
  code: string | null;
  cookie: string;
}

interface Served {
  doors: Doors;
  host: string;
  read: Read;
}

/** Never rejects. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { doors, host, read }: Served,
): Promise<void> {
  // Anything may stand in a request line: "//" is no address.
  const url = URL.parse(request.url ?? "/", `http://${host}`);
  const isOurs = request.headers.host === host && url?.pathname.startsWith(DASHBOARD_PATH) === true;
  if (!isOurs) return text(response, 404, "not found");
  const part = url.pathname.slice(DASHBOARD_PATH.length);
  if (request.method !== "GET") return text(response, 405, "method not allowed");
  const start = url.searchParams.get("start");
  if (part === "" && start !== null && doors.code !== null && isSame(start, doors.code)) {
    doors.code = null;
    const cookie = `${cookieName(host)}=${doors.cookie}; Path=${DASHBOARD_PATH}; HttpOnly; SameSite=Strict`;
    response.writeHead(303, { location: DASHBOARD_PATH, "set-cookie": cookie }).end();
    return;
  }
  if (!cookiesOf(request, host).some((value) => isSame(value, doors.cookie))) {
    return text(
      response,
      401,
      "this address has let in its one browser: pixcanary dashboard --local",
    );
  }
  switch (part) {
    case "":
      return send(response, "text/html", localPage);
    case "/app.js":
      return send(response, "text/javascript", script);
    case "/app.css":
      return send(response, "text/css", style);
    case "/data":
      return data(response, url.searchParams.get("range"), read);
    default:
      return text(response, 404, "not found");
  }
}

async function data(response: ServerResponse, asked: string | null, read: Read): Promise<void> {
  const range = parseRange(asked, Date.now() / 1_000);
  const json = (status: number, value: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  };
  if (range === null) return json(400, { error: "unknown range" });
  try {
    json(200, await read(range));
  } catch (error) {
    json(503, { error: error instanceof Error ? error.message : String(error) });
  }
}

/** Cookies know no ports: two dashboards of this machine must not end each other. */
function cookieName(host: string): string {
  return `pixcanary-${host.slice(host.indexOf(":") + 1)}`;
}

function cookiesOf({ headers }: IncomingMessage, host: string): string[] {
  const pairs = (headers.cookie ?? "").split(";").map((pair) => pair.trim().split("="));
  return pairs.filter(([name]) => name === cookieName(host)).map(([, value = ""]) => value);
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function send(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(body);
}

function text(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${body}\n`);
}
