/** The proxy-only version: the same bundle, whose decision hangs on nothing. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bearer, session, startWorker, type WorkerUnderTest } from "./harness.ts";

const NOTHING = { COOKIE_KEYS: null, URL_SIGNING_KEY: null };

describe("without KV, cookie keys or signing key", () => {
  let worker: WorkerUnderTest;
  let reads = 0;
  beforeAll(async () => {
    worker = await startWorker({
      vars: { PROXY_ONLY: "1", CANARY_OVERRIDE: "open", ...NOTHING },
      kv: () => {
        reads += 1;
        return Promise.reject(new Error("KV is down"));
      },
    });
  });
  afterAll(() => worker.dispose());

  test("every visitor gets the legacy origin's answer: also with cookie, override, preflight or upload", async () => {
    const cookie = `${await worker.cookie("native")}; ${session("anna")}`;
    const visits = [
      worker.fetch("/api/jobs"),
      worker.fetch("/api/jobs", { headers: { cookie } }),
      worker.fetch("/api/jobs", { headers: { "x-canary": "1" } }),
      worker.fetch("/api/pixcapture/upload/intent", { method: "POST", body: "{}" }),
    ];
    for (const answer of await Promise.all(visits)) {
      expect(answer.headers.get("x-pix-canary")).toBe("1;tag=none;cohort=proxy;reason=emergency");
      expect(answer.headers.get("set-cookie") ?? "").not.toContain("_canary_cohort");
      expect(await answer.json()).toMatchObject({ served_by: "origin" });
    }
  });

  test("/qa says what it is, and KV was never asked", async () => {
    const qa = await worker.qa();
    expect(qa).toMatchObject({
      proxy_only: true,
      canary: { cohort: "proxy", decision_reason: "emergency", emergency_proxy: true },
    });
    const refused = await worker.fetch("/qa", { headers: bearer("wrong-token") });
    expect(refused.headers.get("x-pix-canary")).toContain("reason=emergency");
    expect(reads).toBe(0);
  });
});
