/**
 * The live tail of a Worker: a tail is made through the API, then followed over a WebSocket. The id in
 * the socket's address is all that it asks for: the token never goes there.
 *
 * Tails expire, connections break, and some fall silent without ending (cloudflare/workers-sdk#2618,
 * #3927): a broken one is replaced after a jittered delay, one that expires or stays silent before it
 * is given up, so that nothing is missed.
 */

import * as z from "zod";
import { anySignal } from "../../domain/lib/abort.ts";
import { MAX_TIMER_MS } from "../../domain/lib/duration.ts";
import { once } from "../../domain/lib/lazy.ts";
import type { CallOptions } from "../../ports/api.ts";
import { UpstreamError } from "../../ports/errors.ts";
import type { LogTail, TailNotice } from "../../ports/logs.ts";
import type { Clock } from "../../ports/machine.ts";
import { createClock } from "../clock.ts";
import { ApiFailure, callApi, resultOf } from "../cloudflare-call.ts";
import type { CloudflareClient } from "../cloudflare-client.ts";
import type { RetryPolicy } from "../retry.ts";
import { withRetries } from "../retry.ts";
import { NoticeQueue } from "./notice-queue.ts";
import { type Feed, openFeed } from "./tail-feed.ts";

export interface TailTiming {
  /** To make a tail, and to connect. */
  openMs: number;
  /** Without any event for this long, a new tail is tried. */
  silentMs: number;
  /** A tail is replaced this long before it expires. */
  beforeExpiryMs: number;
}

const TIMING: TailTiming = { openMs: 10_000, silentMs: 120_000, beforeExpiryMs: 60_000 };
const DELETE_MS = 1_500;
/** Of a connection that is worth something: those that break sooner count as failures in a row. */
const STABLE_MS = 10_000;
const MAX_FAILURES_IN_A_ROW = 8;
const FIRST_DELAY_MS = 300;
const MAX_DELAY_MS = 15_000;

/** Making a tail changes nothing for anybody; one too many expires by itself. */
const FIRST_OPEN: RetryPolicy = {
  retries: 4,
  firstDelayMs: FIRST_DELAY_MS,
  maxDelayMs: MAX_DELAY_MS,
  retryAfterLimitMs: 310_000,
  beyondLimit: "give-up",
  worthIt: (error) => error.kind === "unavailable",
};

/** Whoever follows an incident from a train waits some minutes for the network to come back. */
const REOPEN: RetryPolicy = { ...FIRST_OPEN, retries: 40 };

export interface TailOptions {
  client: CloudflareClient;
  accountId: string;
  worker: string;
  /** Checked by the configuration's schema. */
  apiBaseUrl: string;
  clock?: Pick<Clock, "monotonic" | "sleep" | "now">;
  /** In [0, 1); for the jitter. */
  random?: () => number;
  timing?: Partial<TailTiming>;
}

export function createLogTail(options: TailOptions): LogTail {
  return { follow: ({ signal }) => new Following(options, signal).run() };
}

interface Connection {
  id: string;
  feed: Feed;
  /** Monotonic; Infinity when the API does not say when it expires. */
  renewAtMs: number;
}

class Following {
  readonly #options: TailOptions;
  readonly #signal: AbortSignal;
  readonly #clock: Pick<Clock, "monotonic" | "sleep" | "now">;
  readonly #random: () => number;
  readonly #timing: TailTiming;
  readonly #queue = new NoticeQueue();
  #current: Connection | null = null;
  /** These are monotonic. */
  #lastEventMs = 0;
  #notBeforeMs = 0;

  constructor(options: TailOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#clock = options.clock ?? createClock();
    this.#random = options.random ?? Math.random;
    this.#timing = { ...TIMING, ...options.timing };
  }

  async *run(): AsyncGenerator<TailNotice> {
    this.#signal.addEventListener("abort", () => this.#queue.wake(), { once: true });
    let failures = 0;
    let lostMs: number | null = null;
    try {
      while (!this.#signal.aborted) {
        await this.#pauseAfter(failures);
        this.#current = await this.#open(lostMs === null ? FIRST_OPEN : REOPEN);
        const openMs = this.#clock.monotonic();
        yield { kind: "open", gapMs: lostMs === null ? null : openMs - lostMs };
        yield* this.#untilLost();
        lostMs = this.#clock.monotonic();
        if (this.#signal.aborted) return;
        failures = lostMs - openMs < STABLE_MS ? failures + 1 : 1;
        yield { kind: "lost", why: this.#current.feed.why ?? "the connection was closed" };
        await this.#drop(this.#current);
        if (failures > MAX_FAILURES_IN_A_ROW) throw cannotHold(failures);
      }
    } catch (error) {
      if (!this.#signal.aborted) throw error;
    } finally {
      if (this.#current !== null) await this.#drop(this.#current);
    }
  }

  async #pauseAfter(failures: number): Promise<void> {
    if (failures === 0) return;
    const ceilingMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
    await this.#clock.sleep(Math.floor(this.#random() * ceilingMs), this.#signal);
  }

  /** Hands on what comes until the connection ends; replaces it meanwhile where that is due. */
  async *#untilLost(): AsyncGenerator<TailNotice> {
    this.#lastEventMs = this.#clock.monotonic();
    for (;;) {
      yield* this.#queue.take();
      const current = this.#current;
      if (current === null || current.feed.closed || this.#signal.aborted) return;
      const dueInMs = this.#dueInMs(current);
      if (dueInMs > 0) await this.#queue.untilSome(dueInMs);
      else await this.#replace(current);
    }
  }

  /** Until this connection should be replaced by another. */
  #dueInMs({ renewAtMs }: Connection): number {
    const silentAtMs = this.#lastEventMs + this.#timing.silentMs;
    const atMs = Math.max(Math.min(silentAtMs, renewAtMs), this.#notBeforeMs);
    return Math.min(atMs - this.#clock.monotonic(), MAX_TIMER_MS);
  }

  /** The new one is there before the old one goes; when it fails, the old one stays for now. */
  async #replace(old: Connection): Promise<void> {
    try {
      this.#current = await this.#openOnce();
      this.#lastEventMs = this.#clock.monotonic();
      await this.#drop(old);
    } catch (error) {
      if (this.#signal.aborted || !(error instanceof UpstreamError)) throw error;
      this.#notBeforeMs = this.#clock.monotonic() + this.#timing.beforeExpiryMs / 4;
    }
  }

  async #open(policy: RetryPolicy): Promise<Connection> {
    const deps = { clock: this.#clock, random: this.#random, signal: this.#signal };
    return withRetries(() => this.#openOnce(), policy, deps);
  }

  async #openOnce(): Promise<Connection> {
    const { openMs } = this.#timing;
    const tail = await createTail(this.#options, { signal: this.#signal }, openMs);
    const events = {
      onEvent: (notice: TailNotice) => {
        this.#lastEventMs = this.#clock.monotonic();
        this.#queue.push(notice);
      },
      onEnd: () => this.#queue.wake(),
    };
    try {
      const limit = anySignal([this.#signal, AbortSignal.timeout(openMs)]);
      const feed = await openFeed(tail.url, events, limit);
      return { id: tail.id, feed, renewAtMs: this.#renewAtMs(tail.expiresAtMs) };
    } catch (error) {
      await deleteTail(this.#options, tail.id);
      throw error;
    }
  }

  /** In good time, and not at once again and again where the clocks differ. */
  #renewAtMs(expiresAtMs: number): number {
    const { beforeExpiryMs } = this.#timing;
    const inMs = expiresAtMs - this.#clock.now() - beforeExpiryMs;
    return this.#clock.monotonic() + Math.max(inMs, beforeExpiryMs / 2);
  }

  async #drop(connection: Connection): Promise<void> {
    if (this.#current === connection) this.#current = null;
    connection.feed.close();
    await deleteTail(this.#options, connection.id);
  }
}

function cannotHold(failures: number): ApiFailure {
  return new ApiFailure("unavailable", `follow the logs: ${failures} connections broke in a row`);
}

const tailSchema = once(() =>
  z.object({
    id: z.string().regex(/^[A-Za-z0-9_-]{1,200}$/),
    url: z.string().max(2_000),
    expires_at: z.string().max(100).nullish(),
  }),
);

async function createTail(options: TailOptions, { signal }: CallOptions, timeoutMs: number) {
  const call = {
    what: "start a live tail",
    method: "post" as const,
    path: tailsPath(options),
    body: { text: '{"filters":[]}', type: "application/json" as const },
    timeoutMs,
    signal,
  };
  const result = resultOf(options.client, call, await callApi(options.client, call));
  const parsed = tailSchema().safeParse(result);
  if (!parsed.success) {
    throw new ApiFailure("rejected", `${call.what}: the answer is not that of a tail`);
  }
  const { id, url, expires_at } = parsed.data;
  if (!mayConnect(url, options.apiBaseUrl)) {
    throw new ApiFailure(
      "rejected",
      `${call.what}: refused to connect to the address it was given`,
    );
  }
  const expiresAtMs = Date.parse(expires_at ?? "");
  return {
    id,
    url,
    expiresAtMs: Number.isNaN(expiresAtMs) ? Number.POSITIVE_INFINITY : expiresAtMs,
  };
}

/** It is only tidiness: a tail that is left over expires. Also when everything is being ended. */
async function deleteTail(options: TailOptions, id: string): Promise<void> {
  const call = {
    what: "end a live tail",
    method: "delete" as const,
    path: `${tailsPath(options)}/${id}`,
    timeoutMs: DELETE_MS,
    signal: AbortSignal.timeout(DELETE_MS),
  };
  await callApi(options.client, call).catch(() => undefined);
}

function tailsPath({ accountId, worker }: TailOptions): string {
  return `/accounts/${accountId}/workers/scripts/${worker}/tails`;
}

/** Encrypted; in the clear on this machine alone, and only when the API is on this machine, too. */
function mayConnect(text: string, apiBaseUrl: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return false;
  if (url.protocol === "wss:") return true;
  const api = new URL(apiBaseUrl);
  return url.protocol === "ws:" && api.protocol === "http:" && url.hostname === api.hostname;
}
