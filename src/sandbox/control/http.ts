/** The control API: JSON over HTTP on loopback. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import * as z from "zod";
import { type Call, CONTROLS, type Control, summaryOf } from "./controls.ts";
import { accepted, fieldsOf } from "./fields.ts";

type Handle = (request: Request) => Promise<Response>;

/** Answers what the table of controls holds; every mistake with what there is instead. */
export function handleControls({ control, describe }: Pick<Call, "control" | "describe">): Handle {
  return async (request) => {
    const path = new URL(request.url).pathname.replace(/(?<=.)\/+$/, "");
    const method = request.method === "HEAD" ? "GET" : request.method;
    const rows = CONTROLS.flatMap((row) => {
      const [rowMethod, template = ""] = row.path.split(" ");
      const match = new RegExp(`^${template.replace(":id", "(\\d+)")}$`).exec(path);
      return match === null ? [] : [{ row, rowMethod, id: Number(match[1]) }];
    });
    const found = rows.find(({ rowMethod }) => rowMethod === method);
    if (found === undefined) {
      return refusal(
        `${method} ${path}`,
        rows.map(({ row }) => row),
      );
    }
    const { row, id } = found;
    return perform(row, { control, describe, id, signal: request.signal }, request);
  };
}

/** With the rows of the path that was asked for, or all when it has none. */
function refusal(asked: string, rows: readonly Control[]): Response {
  if (rows.length === 0) {
    const error = `no such endpoint: ${asked}; "endpoints" lists all`;
    return mistake(404, { error, endpoints: summaryOf(CONTROLS) });
  }
  const paths = rows.map(({ path }) => path);
  const error = `no such endpoint: ${asked}; there is ${paths.join(", ")}`;
  const allow = paths.map((path) => path.split(" ", 1)).join(", ");
  return mistake(405, { error, endpoints: summaryOf(rows) }, { allow });
}

async function perform(row: Control, call: Call, request: Request): Promise<Response> {
  const { schema, status = 200 } = row;
  try {
    const body = schema === undefined ? undefined : bodyOf(await request.text());
    const answer = await row.apply(call, body);
    if (answer === null) return mistake(404, { error: `nothing has the id ${call.id}` });
    return Response.json(answer === undefined ? call.control.state() : answer, { status });
  } catch (error) {
    if (schema === undefined || !(error instanceof z.ZodError || error instanceof NotJsonError)) {
      return mistake(400, { error: error instanceof Error ? error.message : String(error) });
    }
    const what = error instanceof z.ZodError ? z.prettifyError(error) : error.message;
    const takes = `${row.path} takes ${fieldsOf(schema)}`;
    return mistake(400, { error: `${what}\n${takes}`, accepted: accepted(schema) });
  }
}

class NotJsonError extends Error {
  override readonly name = "NotJsonError";
}

/** Nothing at all stands for `{}`. */
function bodyOf(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new NotJsonError("the body is not JSON", { cause: error });
  }
}

function mistake(status: number, body: object, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers });
}

export interface ControlServer {
  url: string;
  close(): Promise<void>;
}

export async function serveControl(handle: Handle): Promise<ControlServer> {
  const listener = getRequestListener((request) => guard(request) ?? handle(request));
  const server = createServer(
    (incoming: IncomingMessage, outgoing: ServerResponse) => void listener(incoming, outgoing),
  );
  // Clients keep their connections; one that is closed under a request would be a failure of ours.
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/** A web page open on this machine must not drive the sandbox or read its tokens. */
function guard(request: Request): Response | null {
  const { hostname } = new URL(request.url);
  const local = hostname === "127.0.0.1" || hostname === "localhost";
  if (local && !request.headers.has("origin")) return null;
  return mistake(403, { error: "for programs on this machine only" });
}
