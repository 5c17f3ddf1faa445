/** `POST /qa/stop` in the real Worker: what it takes, what it refuses, and what it says of that. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stopAnswerSchema, stopRefusalSchema } from "../../src/domain/signed-stop/answer.ts";
import { bodyOf } from "../../src/domain/signed-stop/message.ts";
import { messageOf, operatorKeys, signedPost, testOperator } from "../support/operator.ts";
import { type FetchInit, startWorker, type WorkerUnderTest } from "./harness.ts";

const anna = testOperator("anna");
const bo = testOperator("bo");
const OPERATOR_KEYS = operatorKeys(anna, bo);
let ids = 0;
/** A new stop, from an address that has sent nothing yet. */
function fresh(more: Parameters<typeof messageOf>[0] = {}) {
  ids += 1;
  return messageOf({ id: `01JCQZ5E7M3V9X2K8R4T6W0${String(ids).padStart(3, "0")}`, ...more });
}

let worker: WorkerUnderTest;
beforeAll(async () => {
  worker = await startWorker({ vars: { OPERATOR_KEYS }, config: { canary_percent: 50 } });
});
afterAll(() => worker.dispose());

async function post(init: FetchInit, path = "/qa/stop") {
  ids += 1;
  const address = { "x-test-address": `198.51.${ids % 250}.${Math.floor(ids / 250)}` };
  const headers = { ...(init?.headers as Record<string, string>), ...address };
  const answer = await worker.fetch(path, { ...init, headers });
  return { status: answer.status, headers: answer.headers, json: (await answer.json()) as object };
}

describe("a stop that an operator has signed", () => {
  test.each(["/qa/stop", "/api/qa/stop"])(
    "is in force after POST %s, by the key's name",
    async (path) => {
      const message = fresh({ reason: "5xx spike" });
      const { status, json, headers } = await post(signedPost(anna, message), path);
      expect([status, headers.get("cache-control")]).toEqual([200, "no-store"]);
      const stop = { id: message.id, at: message.at, by: "anna" };
      expect(stopAnswerSchema().parse(json)).toEqual({
        stop,
        written: { beacon: "off", kv: "written", journal: "written" },
      });
      const shown = await worker.qa();
      expect(shown.stop).toEqual({ active: true, ...stop, reason: "5xx spike" });
      expect(shown.canary.cohort).toBe("proxy");
      expect(shown.operators).toEqual([
        `anna ${anna.publicKey.slice(0, 12)}`,
        `bo ${bo.publicKey.slice(0, 12)}`,
      ]);
      await worker.endEmergencies();
    },
  );

  test("leaves one entry in the journal, however often it comes", async () => {
    const message = fresh({ reason: null });
    await post(signedPost(bo, message));
    await post(signedPost(bo, { ...message, sent_at: new Date().toISOString() }));
    const kv = await worker.miniflare.getKVNamespace("KV_CANARY_CONFIG", "pix");
    const { keys } = await kv.list({ prefix: "journal/" });
    const ours = keys.filter(({ name }) => name.endsWith(message.id));
    expect(ours.map(({ name }) => name)).toEqual([`journal/${message.at}-${message.id}`]);
    const [key] = ours;
    const daysLeft = ((key?.expiration ?? 0) - Date.now() / 1_000) / 86_400;
    expect(Math.round(daysLeft)).toBe(400);
    const entry = JSON.parse(String(await kv.get(key?.name ?? "")));
    expect(entry).toMatchObject({ command: "not-aus", actor: "bo", reason: null, id: message.id });
    await worker.endEmergencies();
  });

  test("is not set again by a replay after its release", async () => {
    const init = signedPost(anna, fresh());
    await post(init);
    await worker.endEmergencies();
    const { status, json } = await post(init);
    expect(status).toBe(200);
    expect(stopAnswerSchema().parse(json)).toMatchObject({ released: true });
    expect((await worker.qa()).canary.emergency_proxy).toBe(false);
  });

  test("is no visitor: no cookie, no decision, no log line, nothing for the origin", async () => {
    worker.logs.clear();
    worker.origin.requests.length = 0;
    const { headers } = await post(signedPost(anna, fresh()));
    expect(headers.get("x-pix-canary")).toBeNull();
    expect(headers.get("set-cookie")).toBeNull();
    await worker.endEmergencies();
    expect(worker.origin.requests).toEqual([]);
    const routes = worker.logs.all().map(({ route }) => route);
    expect(routes).not.toContain("/qa/stop");
  });
});

describe("what is refused", () => {
  const flipped = (init: ReturnType<typeof signedPost>) => {
    const body = init.body.slice();
    body[20] = (body[20] ?? 0) ^ 1;
    return { ...init, body };
  };
  const REFUSED: readonly [string, () => FetchInit][] = [
    ["an unknown name", () => signedPost({ ...anna, name: "eve" }, fresh())],
    ["the name of another operator", () => signedPost({ ...anna, name: "bo" }, fresh())],
    ["a name of every object", () => signedPost({ ...anna, name: "__proto__" }, fresh())],
    ["a key of nobody", () => signedPost(testOperator("anna"), fresh())],
    ["another body than was signed", () => flipped(signedPost(anna, fresh()))],
    ["no signature", () => ({ method: "POST", body: bodyOf(fresh()) })],
    ["no body", () => ({ ...signedPost(anna, fresh()), body: "" })],
    ["no message, though signed", () => signedPost(anna, new Uint8Array(Buffer.from("{}")))],
    [
      "a release, though signed",
      () =>
        signedPost(
          anna,
          new Uint8Array(Buffer.from(JSON.stringify({ ...fresh(), active: false }))),
        ),
    ],
  ];
  test.each(REFUSED)("%s: 401, and always the same one", async (_name, init) => {
    const { status, json, headers } = await post(init());
    expect([status, json]).toEqual([401, { error: "unauthorized" }]);
    const names = [...headers.keys()].filter((name) => name !== "date").sort();
    expect(names).toEqual(["cache-control", "content-length", "content-type"]);
    expect((await worker.qa()).canary.emergency_proxy).toBe(false);
  });

  test("a message of another time, with the Worker's time, and only to who has signed it", async () => {
    const old = fresh({ sent_at: new Date(Date.now() - 200_000).toISOString() });
    const { status, json } = await post(signedPost(anna, old));
    expect(status).toBe(409);
    const { error, server_time = "" } = stopRefusalSchema().parse(json);
    expect(error).toBe("clock");
    expect(Math.abs(Date.parse(server_time) - Date.now())).toBeLessThan(60_000);
    expect((await post(signedPost({ ...anna, name: "bo" }, old))).status).toBe(401);
  });

  test("a message for another environment", async () => {
    const { status, json } = await post(signedPost(anna, fresh({ environment: "production" })));
    expect([status, json]).toEqual([409, { error: "environment" }]);
    expect((await worker.qa()).canary.emergency_proxy).toBe(false);
  });

  test.each(["GET", "PUT", "DELETE", "OPTIONS"])("%s: 405, and no CORS", async (method) => {
    const origin = { origin: "https://app.pix.immo", "access-control-request-method": "POST" };
    const { status, headers } = await post({ method, headers: origin });
    expect([status, headers.get("allow")]).toEqual([405, "POST"]);
    expect(headers.get("access-control-allow-origin")).toBeNull();
  });

  test("more than 2 KiB, however well signed", async () => {
    const long = new Uint8Array(2_049).fill(0x20);
    expect((await post(signedPost(anna, long))).status).toBe(413);
  });

  test("a stop that no carrier takes: 503 with why, and never as if it were written", async () => {
    const kv = () => Promise.reject(new Error("KV is down"));
    const dead = await startWorker({ vars: { OPERATOR_KEYS }, kv });
    try {
      const answer = await dead.fetch("/qa/stop", signedPost(anna, fresh()));
      expect(answer.status).toBe(503);
      expect(stopRefusalSchema().parse(await answer.json())).toMatchObject({
        error: "not_written",
        written: { beacon: "off", kv: { problem: expect.any(String) } },
      });
    } finally {
      await dead.dispose();
    }
  });
});

describe("how often", () => {
  test("wrong signatures keep nobody out who shares their address", async () => {
    const wrong = signedPost(testOperator("anna"), fresh());
    const send = (init: ReturnType<typeof signedPost>) =>
      worker.fetch("/qa/stop", {
        ...init,
        headers: { ...init.headers, "x-test-address": "203.0.113.99" },
      });
    const statuses: number[] = [];
    for (let nth = 0; nth < 30; nth += 1) statuses.push((await send(wrong)).status);
    expect(new Set(statuses)).toEqual(new Set([401]));
    expect((await send(signedPost(anna, fresh()))).status).toBe(200);
    await worker.endEmergencies();
  });

  test("the limit counts by address, before anything is verified", async () => {
    const limited = await startWorker({ vars: { OPERATOR_KEYS }, limits: { token: 2 } });
    try {
      const send = (from: string) => {
        const { headers, ...init } = signedPost(anna, fresh());
        return limited.fetch("/qa/stop", {
          ...init,
          headers: { ...headers, "x-test-address": from },
        });
      };
      const all = [await send("192.0.2.1"), await send("192.0.2.1"), await send("192.0.2.1")];
      expect(all.map(({ status }) => status)).toEqual([200, 200, 429]);
      expect((await send("192.0.2.2")).status).toBe(200);
    } finally {
      await limited.dispose();
    }
  });
});

test("without OPERATOR_KEYS all signatures are wrong, and /qa names nobody", async () => {
  const plain = await startWorker();
  try {
    const answer = await plain.fetch("/qa/stop", signedPost(anna, fresh()));
    expect([answer.status, await answer.json()]).toEqual([401, { error: "unauthorized" }]);
    expect((await plain.qa()).operators).toEqual([]);
  } finally {
    await plain.dispose();
  }
});
