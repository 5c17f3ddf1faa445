/** `POST /qa/stop`: a stop that an operator has signed, taken by the Worker itself. It works while the API is down. */

import {
  carriersOf,
  type StopRefusal,
  type WrittenBy,
} from "../../src/domain/signed-stop/answer.ts";
import type { StopMessage } from "../../src/domain/signed-stop/message.ts";
import type { StopDocument } from "../../src/domain/state/documents.ts";
import { STOP_KEY } from "../../src/domain/state/documents.ts";
import type { JournalEntry } from "../../src/domain/state/journal.ts";
import { WORKER_TOOL } from "../../src/domain/state/journal.ts";
import { stopNow } from "../../src/domain/state/transitions.ts";
import type { Deps } from "../deps.ts";
import type { Bindings } from "../env.ts";
import { leaveEntry, writeStop } from "../guardian/kv.ts";
import { admitStop, type StopAdmission } from "./admission.ts";
import { type Carriers, DELIVERY_LIMITS, type Delivery, deliver } from "./deliver.ts";

export interface StopExchange {
  request: Request;
  env: Bindings;
  context: Pick<ExecutionContext, "waitUntil">;
  colo: string | null;
}

/** For tools and no page: no CORS. Never throws. */
export async function serveStop(given: StopExchange, deps: Deps): Promise<Response> {
  // The wider one: whoever stops may do so again and again, and wrong signatures have a limit of their own.
  const admission = await admitStop(given.request, given.env.QA_LIMIT_TOKEN, deps.stops.door);
  const response =
    admission.kind === "admitted"
      ? await take(admission, given, deps)
      : turnedAway(admission, deps.stops.door.now());
  response.headers.set("Cache-Control", "no-store");
  return response;
}

function turnedAway(
  admission: Exclude<StopAdmission, { kind: "admitted" }>,
  nowMs: number,
): Response {
  switch (admission.kind) {
    case "wrong-method":
      return refusal(405, { error: "method_not_allowed" }, { Allow: "POST" });
    case "too-large":
      return refusal(413, { error: "too_large" });
    case "incomplete":
      return refusal(408, { error: "incomplete" });
    case "limited":
      return refusal(
        429,
        { error: "rate_limited" },
        { "Retry-After": String(admission.retryAfterS) },
      );
    case "other-environment":
      return refusal(409, { error: "environment" });
    case "other-time":
      return refusal(409, { error: "clock", server_time: new Date(nowMs).toISOString() });
    case "refused":
      return refusal(401, { error: "unauthorized" });
    default:
      return admission satisfies never;
  }
}

function refusal(
  status: number,
  body: StopRefusal,
  headers: Record<string, string> = {},
): Response {
  return Response.json(body, { status, headers });
}

async function take(
  { message, by }: { message: StopMessage; by: string },
  given: StopExchange,
  deps: Deps,
): Promise<Response> {
  const taken = takenOf(message, by);
  const keepAlive = (work: Promise<unknown>): void => given.context.waitUntil(work);
  const delivery = await deliver(taken.stop, carriersFor(taken, given, deps), keepAlive);
  console.warn(
    JSON.stringify({ level: "WARN", signed_stop: taken.named.id, by, ...said(delivery) }),
  );
  return answerTo(taken, delivery);
}

interface Taken {
  /** The very text that its sender writes by the API. */
  stop: StopDocument;
  named: { id: string; at: string; by: string };
}

function takenOf({ id, at: sent, reason }: StopMessage, by: string): Taken {
  const nowMs = Date.parse(sent);
  const { stop } = stopNow("", { actor: by, reason: reason ?? undefined, nowMs, id });
  return { stop, named: { id, at: new Date(nowMs).toISOString(), by } };
}

function carriersFor(
  taken: Taken,
  { env, colo }: StopExchange,
  { stops, settings }: Deps,
): Carriers {
  const { KV_CANARY_CONFIG: kv } = env;
  const host = `worker ${settings.workerVersion ?? "unknown"}${colo === null ? "" : ` at ${colo}`}`;
  if (kv === undefined) return { beacon: stops.beacon, kv: null, writeEntry: null };
  // Later, the stop may have been released.
  const until = { untilMs: stops.door.now() + DELIVERY_LIMITS.writeMs };
  return {
    beacon: stops.beacon,
    kv: {
      stored: async () => kv.get(STOP_KEY),
      writeStop: (stop, isOver) => writeStop(kv, stop, { ...until, isOver }),
    },
    writeEntry: () => leaveEntry(kv, entryOf(taken, host), until),
  };
}

/** By the stop's own id and time: however often it is taken, it is one entry. The sender's own tells more. */
function entryOf({ stop, named: { id, at, by } }: Taken, host: string): JournalEntry {
  return {
    schema: 1,
    id,
    at,
    command: "not-aus",
    actor: by,
    host,
    reason: stop.reason ?? null,
    incident: null,
    before: null,
    after: { percent: 0, emergency: true, revision: id },
    revision: id,
    verification: { outcome: "written", locations: [], elapsed_ms: 0 },
    notes: ["signed stop, taken by the Worker"],
    tool: WORKER_TOOL,
    namespace: null,
  };
}

function said(delivery: Delivery): { released: true } | { written: WrittenBy } {
  return delivery.kind === "released" ? { released: true } : { written: delivery.written };
}

function answerTo({ named: stop }: Taken, delivery: Delivery): Response {
  if (delivery.kind === "released") return Response.json({ stop, released: true });
  const { written } = delivery;
  if (carriersOf(written).length > 0) return Response.json({ stop, written });
  return refusal(503, { error: "not_written", written });
}
