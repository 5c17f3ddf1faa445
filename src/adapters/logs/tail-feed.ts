/** One WebSocket of a live tail: Node's own, with subprotocol `trace-v1`. */
import * as z from "zod";
import { once } from "../../domain/lib/lazy.ts";
import type { TailNotice } from "../../ports/logs.ts";
import { ApiFailure, parseJson } from "../cloudflare-call.ts";

const TRACE_PROTOCOL = "trace-v1";

/** Runtime limit of one invocation's trace is 256 KB; more is not a trace event. */
const MAX_MESSAGE_CHARS = 1024 * 1024;

export interface Feed {
  readonly closed: boolean;
  /** Of a connection that ended by itself. */
  readonly why: string | null;
  close(): void;
}

export interface FeedEvents {
  /** Events and dropped lines; nothing after `close`. */
  onEvent(notice: TailNotice): void;
  onEnd(): void;
}

/** Throws ApiFailure `unavailable` when there is no connection before the signal aborts. */
export function openFeed(url: string, events: FeedEvents, signal: AbortSignal): Promise<Feed> {
  const socket = new WebSocket(url, TRACE_PROTOCOL);
  socket.binaryType = "arraybuffer";
  let closed = false;
  let why: string | null = null;
  let wanted = true;
  const feed: Feed = {
    get closed() {
      return closed;
    },
    get why() {
      return why;
    },
    close() {
      wanted = false;
      socket.close();
    },
  };
  socket.addEventListener("message", ({ data }) => {
    const notice = wanted ? noticeOf(data) : null;
    if (notice !== null) events.onEvent(notice);
  });
  socket.addEventListener("close", ({ code, reason }) => {
    why ??= closeWords(code, reason);
    closed = true;
    events.onEnd();
  });
  return new Promise((resolve, reject) => {
    const fail = (words: string): void => {
      feed.close();
      reject(new ApiFailure("unavailable", `follow the logs: ${words}`));
    };
    const onAbort = (): void => fail("no connection within the time limit");
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    socket.addEventListener("close", () => fail(why ?? "the connection was closed"));
    socket.addEventListener("error", () => fail("the connection failed"));
    socket.addEventListener("open", () => {
      signal.removeEventListener("abort", onAbort);
      // As wrangler does first of all.
      socket.send('{"debug":false}');
      resolve(feed);
    });
  });
}

/** `overload` and `overload-stop` are what the tail says of itself. */
const infoSchema = once(() =>
  z.object({ event: z.object({ type: z.string(), message: z.string() }) }),
);

function noticeOf(data: unknown): TailNotice | null {
  const text = data instanceof ArrayBuffer ? Buffer.from(data).toString("utf8") : String(data);
  if (text.length > MAX_MESSAGE_CHARS) {
    return { kind: "dropped", message: "an event was too long to be shown" };
  }
  const event = parseJson(text);
  if (typeof event !== "object" || event === null) return null;
  const info = infoSchema().safeParse(event);
  if (!info.success) return { kind: "event", event };
  const { type, message } = info.data.event;
  return { kind: type === "overload-stop" ? "resumed" : "dropped", message };
}

function closeWords(code: number, reason: string): string {
  const said = reason === "" ? "" : `: ${reason.slice(0, 100)}`;
  return code === 1006 ? "the connection broke" : `the connection was closed (${code}${said})`;
}
