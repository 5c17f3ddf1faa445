/** AT-8: asks the Worker for one cell, and compares what was seen with what had to be. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import type { Duplex } from "node:stream";
import { errors, type Pool } from "undici";
import { parseCanaryHeader } from "../../src/domain/decision/headers.ts";
import { HANG_MS } from "../support/patience.ts";
import { TAG } from "../worker/harness.ts";
import type { TestOrigin } from "../worker/origin.ts";
import type { Cell } from "./matrix-cells.ts";
import { TARGETS } from "./matrix-cells.ts";
import type { Expected } from "./matrix-reference.ts";

/** Of one answer. */
export interface Observed {
  status: number;
  canary: string | null;
  cookies: readonly string[];
  /** Whether the origin saw the request. */
  reachedOrigin: boolean;
}

const CELL_HEADER = "x-cell";

/** Knows which cells the origin has seen; `clear` also hangs up on the upgraded connections. */
export function watchOrigin(origin: TestOrigin): { has(id: string): boolean; clear(): void } {
  const seen = new Set<string>();
  const sockets = new Set<Duplex>();
  origin.answerWith((request, response) => {
    seen.add(String(request.headers[CELL_HEADER]));
    origin.requests.length = 0;
    response.writeHead(203).end();
  });
  origin.onUpgrade((request, socket) => {
    seen.add(String(request.headers[CELL_HEADER]));
    sockets.add(socket);
    accept(request, socket);
  });
  return {
    has: (id) => seen.has(id),
    clear() {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
      seen.clear();
    },
  };
}

function accept(request: IncomingMessage, socket: Duplex): void {
  const answer = createHash("sha1")
    .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${answer}\r\n\r\n`,
  );
}

export interface Asking {
  pool: Pool;
  url: string;
  sawAtOrigin: (id: string) => boolean;
}

export async function ask(
  asking: Asking,
  cell: Cell,
  id: string,
  headers: Record<string, string>,
): Promise<Observed> {
  const sent = { ...headers, [CELL_HEADER]: id };
  const { path } = TARGETS[cell.method];
  if (cell.method === "UPGRADE") {
    const answer = await askUpgrade(asking.url, path, sent);
    return { ...answer, reachedOrigin: asking.sawAtOrigin(id) };
  }
  const body = cell.method === "POST" ? { body: "not JSON" } : {};
  const answer = await sendAgain(() =>
    asking.pool.request({ path, method: cell.method, headers: sent, ...body }),
  );
  await answer.body.dump();
  const got = answer.headers;
  const canary = got["x-pix-canary"];
  return {
    status: answer.statusCode,
    canary: typeof canary === "string" ? canary : null,
    cookies: [got["set-cookie"] ?? []].flat(),
    reachedOrigin: asking.sawAtOrigin(id),
  };
}

/** workerd may close a kept connection just then; browsers send again, too. */
async function sendAgain<T>(send: () => Promise<T>): Promise<T> {
  for (let left = 3; ; left -= 1) {
    try {
      return await send();
    } catch (error) {
      if (left === 0 || !(error instanceof errors.SocketError)) throw error;
    }
  }
}

async function askUpgrade(
  url: string,
  path: string,
  headers: Record<string, string>,
): Promise<Omit<Observed, "reachedOrigin">> {
  const request = httpRequest(url + path, {
    agent: false,
    signal: AbortSignal.timeout(HANG_MS),
    headers: {
      ...headers,
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    },
  });
  const answered = Promise.race([
    once(request, "upgrade") as Promise<[IncomingMessage, Duplex]>,
    once(request, "response") as Promise<[IncomingMessage]>,
  ]);
  request.end();
  const [message, socket] = await answered;
  if (socket === undefined) await message.resume().toArray();
  else socket.destroy();
  request.destroy();
  const canary = message.headers["x-pix-canary"];
  return {
    status: message.statusCode ?? 0,
    canary: typeof canary === "string" ? canary : null,
    cookies: message.headers["set-cookie"] ?? [],
  };
}

/** What is wrong with this answer, or null. `tag` is `none` without a readable configuration. */
export function complaint(
  cell: Cell,
  expected: Expected,
  observed: Observed,
  tag: string = TAG,
): string | null {
  const seen = parseCanaryHeader(observed.canary);
  if (seen === null) return `no decision: ${observed.canary}`;
  if (seen.tag !== tag) return `tag ${seen.tag}`;
  if (seen.reason !== expected.reason) return `reason ${seen.reason}, not ${expected.reason}`;
  if (expected.cohort !== "either" && seen.cohort !== expected.cohort) {
    return `cohort ${seen.cohort}, not ${expected.cohort}`;
  }
  const newlySampled = expected.reason === "sampled";
  const ours = observed.cookies.filter((cookie) => cookie.startsWith("_canary_cohort="));
  if (ours.length !== (newlySampled ? 1 : 0)) return `${ours.length} cookies`;
  const letter = seen.cohort === "native" ? "n" : "p";
  if (newlySampled && !ours[0]?.startsWith(`_canary_cohort=v1.${letter}.${tag}.`)) {
    return `cookie ${ours[0]}`;
  }
  return backendComplaint(cell, seen.cohort, observed);
}

/** Native answers these requests 4xx, the origin 203 or 101, and an origin that is down gives 502. */
function backendComplaint(cell: Cell, cohort: string, observed: Observed): string | null {
  const byNative = cohort === "native" && TARGETS[cell.method].native;
  if (observed.reachedOrigin !== (!byNative && cell.originUp)) {
    return observed.reachedOrigin ? "the origin was asked" : "the origin was not asked";
  }
  const fromOrigin = cell.method === "UPGRADE" ? 101 : 203;
  const right = byNative
    ? observed.status >= 400 && observed.status < 500
    : observed.status === (cell.originUp ? fromOrigin : 502);
  return right ? null : `status ${observed.status}`;
}
