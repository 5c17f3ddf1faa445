/** Whose failure it is when an upload does not end: R2's, or the visitor's. */
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ClientGoneError } from "../../worker/client-gone.ts";
import { TimeLimitError } from "../../worker/limit.ts";
import type { NativeContext } from "../../worker/native/context.ts";
import { storeUpload } from "../../worker/native/store-upload.ts";

type Put = (key: string, body: ReadableStream<Uint8Array>) => Promise<unknown>;

const PIECES = ["0123", "4567", "89"];
const ANNOUNCED = { key: "uploads/1", size: 10, contentType: "text/plain" };

/** The runtime's, as far as it matters here: a write is done when it has been read. */
class ReadThrough extends TransformStream {
  constructor() {
    super({}, { highWaterMark: 0 }, { highWaterMark: 0 });
  }
}
beforeEach(() => {
  vi.stubGlobal("FixedLengthStream", ReadThrough);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

/** An upload whose visitor, R2 and time do what the test says. */
class Upload {
  readonly counted: unknown[] = [];
  /** What goes on when the visitor has gone. */
  readonly keptAlive: Promise<unknown>[] = [];
  readonly limits = new Set<() => void>();
  readonly ended: Promise<unknown>;
  #visitor: ReadableByteStreamController | undefined;

  constructor(put: Put) {
    const body = new ReadableStream({
      type: "bytes",
      start: (controller) => {
        this.#visitor = controller;
      },
    });
    const context = {
      env: { MEDIA: { put } },
      count: (kind: string, details: unknown) => this.counted.push([kind, details]),
      waitUntil: (work: Promise<unknown>) => this.keptAlive.push(work),
    } as unknown as NativeContext;
    const stored = storeUpload(context, body, ANNOUNCED, (_, callback) => {
      this.limits.add(callback);
      return () => this.limits.delete(callback);
    });
    this.ended = stored.catch((error: unknown) => error);
  }

  /** Until everything that can happen has. */
  async send(piece: string): Promise<void> {
    this.#visitor?.enqueue(new TextEncoder().encode(piece));
    await settle();
  }

  async sendAll(): Promise<void> {
    for (const piece of PIECES) await this.send(piece);
    this.#visitor?.close();
    // The read that waits ends only so, by the standard; in workerd by itself.
    this.#visitor?.byobRequest?.respond(0);
    await settle();
  }

  async hangUp(): Promise<void> {
    this.#visitor?.error(new Error("disconnected"));
    await settle();
  }

  /** All limits that run are over. */
  passTime(): void {
    for (const callback of this.limits) callback();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await setImmediate();
}

const never = new Promise<never>(() => undefined);
const readAll = (body: ReadableStream<Uint8Array>): Promise<string> => new Response(body).text();

test("R2 that takes the whole and never answers has failed, by the limit", async () => {
  const upload = new Upload(async (_, body) => {
    await readAll(body);
    return never;
  });
  await upload.sendAll();
  upload.passTime();
  expect(await upload.ended).toBeInstanceOf(TimeLimitError);
  expect(upload.counted).toEqual([["r2_failure", { cause: "limit" }]]);
});

test.each(["is not done", "has gone"])(
  "R2 that takes no piece has failed, by the limit, though the visitor %s",
  async (visitor) => {
    const upload = new Upload(() => never);
    await upload.send("0123");
    await upload.send("4567");
    if (visitor === "has gone") await upload.hangUp();
    upload.passTime();
    // All that the runtime still waits for then.
    expect(await Promise.all(upload.keptAlive)).toHaveLength(1);
    expect(upload.counted).toEqual([["r2_failure", { cause: "limit" }]]);
    expect(await upload.ended).toBeInstanceOf(TimeLimitError);
  },
);

test("R2 that refuses the stream and never says why has failed, by the limit", async () => {
  const upload = new Upload(async (_, body) => {
    await body.cancel();
    return never;
  });
  await upload.send("0123");
  await upload.send("4567");
  upload.passTime();
  expect(await upload.ended).toBeInstanceOf(TimeLimitError);
});

test("no limit runs while the visitor is to send, however long that takes", async () => {
  let kept = "";
  const upload = new Upload(async (_, body) => {
    kept = await readAll(body);
    return {};
  });
  for (const piece of PIECES) {
    await settle();
    expect(upload.limits.size).toBe(0);
    await upload.send(piece);
  }
  expect(upload.limits.size).toBe(0);
  await upload.hangUp();
  // R2's stream broke off as well.
  expect(await upload.ended).toBeInstanceOf(ClientGoneError);
  expect([kept, upload.counted]).toEqual(["", []]);
});

test("what arrives whole is stored, and leaves no limit behind", async () => {
  let kept = "";
  const upload = new Upload(async (_, body) => {
    kept = await readAll(body);
    return {};
  });
  await upload.sendAll();
  expect([await upload.ended, kept]).toEqual(["stored", PIECES.join("")]);
  expect([upload.limits.size, upload.counted]).toEqual([0, []]);
});

test.each(["stays silent", "hangs up"])(
  "R2's failure is R2's, though the visitor %s then",
  async (then) => {
    const failed = new Error("put: We encountered an internal error. (10001)");
    const r2 = Promise.withResolvers<never>();
    const upload = new Upload(() => r2.promise);
    await upload.send("0123");
    r2.reject(failed);
    await settle();
    if (then === "hangs up") await upload.hangUp();
    expect(await upload.ended).toBe(failed);
    expect(upload.counted).toEqual([["r2_failure", { cause: "upstream" }]]);
  },
);

test("who hangs up is not waited for by R2, and not R2's failure, even if that hangs", async () => {
  const upload = new Upload(() => never);
  await upload.send("0123");
  await upload.hangUp();
  upload.passTime();
  expect(await upload.ended).toBeInstanceOf(ClientGoneError);
  expect(upload.counted).toEqual([]);
});
