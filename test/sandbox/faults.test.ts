/** Each fault of the API does what its name says, to the answer and to the store (AT-4). */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type FaultKind,
  type FaultRuleInput,
  faultRuleSchema,
} from "../../src/sandbox/api/faults.ts";
import { QuietPorts } from "../../src/sandbox/quiet-ports.ts";
import { PATIENCE } from "../support/patience.ts";
import { type ApiUnderTest, startApi } from "./api-harness.ts";

/** By Linux, to whoever asks for any port; other systems begin higher. */
const LOWEST_HANDED_OUT = 32_768;

let api: ApiUnderTest;
beforeEach(async () => {
  api = await startApi();
  api.store.put("stop", "old");
});
afterEach(() => api.close());

/** The status and text, or the code of the connection's end. */
async function attempt(
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; text: string } | string> {
  try {
    const response = await api.call(path, init);
    return { status: response.status, text: await response.text() };
  } catch (error) {
    const { cause, name } = error as Error & { cause?: { code?: string } };
    return cause?.code ?? name;
  }
}

/** How undici names a connection that ended in the middle. */
const BROKEN = ["ECONNRESET", "UND_ERR_SOCKET"];

const put = (init: RequestInit = {}) =>
  attempt("values/stop", { method: "PUT", body: "new", ...init });

describe("faults that lose the connection", () => {
  test("reset-before: nothing is written", async () => {
    await api.server.faults.add({ kind: "reset-before" });
    expect(BROKEN).toContain(await put());
    expect(api.store.text("stop")).toBe("old");
  });

  test("reset-after: written, but the answer is lost", async () => {
    await api.server.faults.add({ kind: "reset-after" });
    expect(BROKEN).toContain(await put());
    expect(api.store.text("stop")).toBe("new");
  });

  test("hang: no answer, nothing written", async () => {
    await api.server.faults.add({ kind: "hang" });
    const controller = new AbortController();
    const pending = put({ signal: controller.signal });
    await expect.poll(() => api.server.requests().length, PATIENCE).toBe(1);
    controller.abort();
    expect(await pending).toBe("AbortError");
    expect(api.store.text("stop")).toBe("old");
  });

  test("lost-answer: written, and no answer ever", async () => {
    await api.server.faults.add({ kind: "lost-answer" });
    const controller = new AbortController();
    const pending = put({ signal: controller.signal });
    await expect.poll(() => api.store.text("stop"), PATIENCE).toBe("new");
    expect(api.server.requests()[0]?.status).toBeNull();
    controller.abort();
    expect(await pending).toBe("AbortError");
  });

  test("reset-mid-body: half an answer", async () => {
    await api.server.faults.add({ kind: "reset-mid-body" });
    expect([...BROKEN, "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"]).toContain(await put());
    expect(api.store.text("stop")).toBe("new");
  });

  test("outage: connections are refused, until it ends", async () => {
    await api.server.faults.add({ kind: "outage" });
    expect(await put()).toBe("ECONNREFUSED");
    await api.server.faults.clear();
    expect(await put()).toMatchObject({ status: 200 });
  });

  test("outage: nobody is handed the port meanwhile, for a server or a connection", async () => {
    await api.server.faults.add({ kind: "outage" });
    const port = Number(new URL(api.base).port);
    expect(port).toBeLessThan(LOWEST_HANDED_OUT);
    const another = new QuietPorts({ lowest: port, beyond: port + 1 });
    await expect(another.take()).rejects.toThrow("found no free port");
  });

  test("an outage for some requests leaves the others alone", async () => {
    await api.server.faults.add({ kind: "outage", match: { method: "PUT" }, times: 1 });
    expect(BROKEN).toContain(await put());
    expect(await attempt("values/stop")).toMatchObject({ status: 200, text: "old" });
    expect(await put()).toMatchObject({ status: 200 });
  });
});

describe("faults that answer something else", () => {
  const cases: [string, FaultRuleInput, number, "old" | "new"][] = [
    ["429", { kind: "rate-limited", retryAfterS: 7 }, 429, "old"],
    ["503", { kind: "server-error" }, 503, "old"],
    ["500 though written", { kind: "server-error", status: 500, committed: true }, 500, "new"],
    ["401", { kind: "unauthorized" }, 401, "old"],
    ["403", { kind: "forbidden" }, 403, "old"],
    ["a sign-in page", { kind: "html" }, 200, "old"],
    ["success: false", { kind: "unsuccessful" }, 200, "old"],
    ["success: false though written", { kind: "unsuccessful", committed: true }, 200, "new"],
    ["half the JSON", { kind: "truncated" }, 200, "new"],
  ];

  test.each(cases)("%s", async (_, rule, status, stored) => {
    await api.server.faults.add(rule);
    const answer = await put();
    expect(answer).toMatchObject({ status });
    expect(api.store.text("stop")).toBe(stored);
    const text = typeof answer === "string" ? "" : answer.text;
    if (rule.kind === "html") expect(text).toMatch(/^<!doctype html>/);
    else if (rule.kind === "truncated") expect(() => JSON.parse(text)).toThrow();
    else expect(JSON.parse(text)).toMatchObject({ success: false });
  });

  test("forgotten-write: acknowledged, and never stored; reads are as ever", async () => {
    await api.server.faults.add({ kind: "forgotten-write" });
    const answer = await put();
    expect(answer).toMatchObject({ status: 200 });
    expect(JSON.parse(typeof answer === "string" ? "" : answer.text)).toMatchObject({
      success: true,
    });
    expect(await attempt("values/stop")).toMatchObject({ status: 200, text: "old" });
  });

  test("echo-authorization: the error quotes the header, and nothing is written", async () => {
    await api.server.faults.add({ kind: "echo-authorization", status: 403 });
    const answer = await put();
    expect(answer).toMatchObject({ status: 403, text: expect.stringMatching(/Bearer cfut_/) });
    expect(api.store.text("stop")).toBe("old");
  });

  test("a 429 carries retry-after when told to", async () => {
    await api.server.faults.add({ kind: "rate-limited", retryAfterS: 7 });
    expect((await api.call("keys")).headers.get("retry-after")).toBe("7");
    await api.server.faults.replace([{ kind: "rate-limited" }]);
    expect((await api.call("keys")).headers.has("retry-after")).toBe(false);
  });

  test("drip: the whole answer, in many pieces", async () => {
    await api.server.faults.add({ kind: "drip", bytes: 10, everyMs: 1 });
    const response = await api.call("values/stop", { method: "PUT", body: "new" });
    let pieces = 0;
    const decoder = new TextDecoder();
    let text = "";
    for await (const piece of response.body ?? []) {
      pieces += 1;
      text += decoder.decode(piece);
    }
    expect(JSON.parse(text)).toMatchObject({ success: true });
    expect(pieces).toBeGreaterThan(1);
  });
});

describe("faults of reads and repeated writes", () => {
  test("stale-read answers the value before; older-read the oldest", async () => {
    for (const value of ["second", "third"]) api.store.put("stop", value);
    await api.server.faults.add({ kind: "stale-read", times: 1 });
    expect(await attempt("values/stop")).toMatchObject({ text: "second" });
    await api.server.faults.replace([{ kind: "older-read", times: 1 }]);
    expect(await attempt("values/stop")).toMatchObject({ text: "old" });
    expect(await attempt("values/stop")).toMatchObject({ text: "third" });
  });

  test("duplicate-write: the same write again, over a newer one", async () => {
    await api.server.faults.add({ kind: "duplicate-write", afterMs: 1, times: 1 });
    const written: (string | null)[] = [];
    api.store.onWrite(() => {
      written.push(api.store.text("stop"));
      if (written.length === 1) api.store.put("stop", "newer");
    });
    await put();
    await expect.poll(() => written).toEqual(["new", "newer", "new"]);
    await expect.poll(() => api.store.text("stop"), PATIENCE).toBe("new");
  });
});

describe("rules", () => {
  test("after and times count matching requests only", async () => {
    await api.server.faults.add({
      kind: "server-error",
      match: { method: "put", pathContains: "/values/stop" },
      after: 1,
      times: 2,
    });
    await attempt("values/stop");
    const statuses: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      const answer = await put();
      statuses.push(typeof answer === "string" ? answer : answer.status);
    }
    expect(statuses).toEqual([200, 503, 503, 200]);
    expect(await attempt("keys")).toMatchObject({ status: 200 });
  });

  test("rules combine: a write that is dripped, and then repeated", async () => {
    await api.server.faults.replace([
      { kind: "drip", bytes: 50, everyMs: 1 },
      { kind: "duplicate-write", afterMs: 1 },
      { kind: "delay", ms: 1 },
    ]);
    const written: (string | null)[] = [];
    api.store.onWrite(() => written.push(api.store.text("stop")));
    expect(await put()).toMatchObject({ status: 200 });
    expect(api.server.requests()[0]?.faults).toEqual(["drip", "duplicate-write", "delay"]);
    await expect.poll(() => written).toEqual(["new", "new"]);
  });

  test("a rule that is not one is refused", async () => {
    const wrong = { kind: "delay", ms: -1 } as const;
    await expect(api.server.faults.add(wrong)).rejects.toThrow();
    expect(api.server.faults.list()).toEqual([]);
  });

  test("the clock in Date can be wrong", async () => {
    api.server.clockSkewMs = 3_600_000;
    const date = Date.parse((await api.call("keys")).headers.get("date") ?? "");
    expect(Math.abs(date - Date.now() - 3_600_000)).toBeLessThan(60_000);
  });

  test("closing ends answers that hang", async () => {
    await api.server.faults.add({ kind: "hang" });
    const pending = put();
    await expect.poll(() => api.server.requests().length, PATIENCE).toBe(1);
    await api.close();
    expect(BROKEN).toContain(await pending);
  });

  test("any two faults together spoil one request and nothing after it", async () => {
    const kinds: FaultRuleInput[] = [
      ...faultRuleSchema.options.map((option) => ({ kind: option.shape.kind.value })),
    ].map((rule) => quick(rule));
    for (const [i, first] of kinds.entries()) {
      for (const second of kinds.slice(i)) {
        await api.server.faults.replace([
          { ...first, times: 1 },
          { ...second, times: 1 },
        ]);
        const hangs = [first, second].some(({ kind }) => kind === "hang" || kind === "lost-answer");
        await put(hangs ? { signal: AbortSignal.timeout(30) } : {});
        await api.server.faults.clear();
        expect(await put({ body: "after" })).toMatchObject({ status: 200 });
        expect(["after", "new"]).toContain(api.store.text("stop"));
      }
    }
  });
});

/** The rule with its required fields, and without long waits. */
function quick({ kind }: { kind: FaultKind }): FaultRuleInput {
  if (kind === "delay") return { kind, ms: 1 };
  if (kind === "drip") return { kind, bytes: 20, everyMs: 1 };
  return kind === "duplicate-write" ? { kind, afterMs: 1 } : { kind };
}
