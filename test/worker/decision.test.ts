import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { overridePayload } from "../../src/domain/decision/override.ts";
import { importHmacKey, signText } from "../../worker/hmac.ts";
import type { WorkerUnderTest } from "./harness.ts";
import { startWorker } from "./harness.ts";

const STOP = { active: true, id: "01JCQ", at: "2025-11-15T10:31:02Z", by: "oncall@laptop" };
const RELEASE = { active: false, at: "2025-11-15T11:00:00Z", releases: { id: "01JCQ" } };
const FULL = { canary_percent: 100, revision: "r-100" };

let worker: WorkerUnderTest;
beforeAll(async () => {
  worker = await startWorker({ config: FULL });
});
afterAll(() => worker.dispose());

async function decisionOf(headers: Record<string, string> = {}) {
  const answer = await worker.fetch("/api/thing", { headers });
  await answer.text();
  return {
    status: answer.status,
    canary: answer.headers.get("x-pix-canary"),
    shown: answer.headers.get("x-pix-decision"),
    cookies: answer.headers.getSetCookie(),
  };
}

describe("decision on the real Worker", () => {
  test("a new visitor is sampled, sees both headers and gets a signed cookie", async () => {
    await worker.putState(FULL, null);
    const seen = await decisionOf();
    expect(seen).toMatchObject({
      status: 200,
      canary: "1;tag=B2a;cohort=native;reason=sampled",
      shown: "native (100% sample)",
    });
    expect(seen.cookies).toHaveLength(1);
    expect(seen.cookies[0]).toMatch(
      /^_canary_cohort=v1\.n\.B2a\.\d+\.k2\.[\w-]{43}; Max-Age=86400; Path=\/; HttpOnly; Secure; SameSite=None$/,
    );
  });

  test("a valid cookie keeps its cohort whatever the share, under every key, and is not set again", async () => {
    await worker.putState({ canary_percent: 0 }, null);
    const k1 = JSON.stringify({ k1: Buffer.alloc(32, 1).toString("base64") });
    for (const cookie of [
      await worker.cookie("native"),
      await worker.cookie("native", { keys: k1 }),
    ]) {
      const seen = await decisionOf({ cookie });
      expect(seen).toMatchObject({
        canary: "1;tag=B2a;cohort=native;reason=cookie",
        shown: "native (cookie)",
        cookies: [],
      });
    }
  });

  test.each([
    ["forged", async () => (await worker.cookie("native")).replace("v1.n", "v1.p")],
    ["of another tag", () => worker.cookie("native", { tag: "B1" })],
    ["older than 24 h", () => worker.cookie("native", { atMs: Date.now() - 86_400_000 })],
    ["of an unknown key", () => worker.cookie("native", { keys: unknownKey() })],
    ["in the seed's plain form", async () => "_canary_cohort=native"],
  ])("a cookie %s means a new draw (AT-17, AT-20)", async (_name, cookie) => {
    await worker.putState({ canary_percent: 0 }, null);
    const seen = await decisionOf({ cookie: await cookie() });
    expect(seen.canary).toBe("1;tag=B2a;cohort=proxy;reason=sampled");
    expect(seen.cookies).toHaveLength(1);
  });

  test("of several cookies the first valid one counts", async () => {
    const cookie = `_canary_cohort=junk; ${await worker.cookie("native")}; ${await worker.cookie("proxy")}`;
    expect((await decisionOf({ cookie })).shown).toBe("native (cookie)");
  });

  test("the header X-Canary: 1 asks for native, and sets no cookie", async () => {
    await worker.putState({ canary_percent: 0 }, null);
    expect(await decisionOf({ "x-canary": "1" })).toMatchObject({
      shown: "native (header)",
      cookies: [],
    });
    expect((await decisionOf({ "x-canary": "true" })).shown).toBe("proxy (0% sample)");
  });

  test.each([
    ["stop", FULL, STOP],
    [
      "config.emergency_proxy",
      { ...FULL, emergency_proxy: true, last_updated: "2026-01-01T00:00:00Z" },
      RELEASE,
    ],
    ["an unreadable stop", FULL, "{"],
  ])(
    "an emergency by %s overrules header and cookie and sets no cookie",
    async (_name, config, stop) => {
      const cookie = await worker.cookie("native");
      await worker.putState(config, stop);
      for (const headers of [{}, { "x-canary": "1" }, { cookie }]) {
        expect(await decisionOf(headers)).toEqual({
          status: 200,
          canary: "1;tag=B2a;cohort=proxy;reason=emergency",
          shown: "proxy (emergency)",
          cookies: [],
        });
      }
      await worker.endEmergencies();
      await worker.putState(FULL);
      expect((await decisionOf({ cookie })).shown).toBe("native (cookie)");
    },
  );

  test("an absent stop key does not release a stop that was seen (AT-6)", async () => {
    await worker.putState(FULL, STOP);
    await worker.putState(FULL, null);
    expect((await decisionOf({ "x-canary": "1" })).shown).toBe("proxy (emergency)");
    await worker.endEmergencies();
  });

  test("paths outside /api carry no decision", async () => {
    const answer = await worker.fetch("/index.html");
    expect([answer.status, answer.headers.get("x-pix-canary")]).toEqual([200, null]);
    expect(answer.headers.getSetCookie()).toEqual([]);
  });
});

describe("settings that are missing or wrong take their safe side", () => {
  const shownWith = async (
    options: Parameters<typeof startWorker>[0],
    ...values: string[]
  ): Promise<(string | null)[]> => {
    const other = await startWorker({ config: FULL, ...options });
    try {
      const ask = async (value: string) => {
        const answer = await other.fetch("/api/thing", { headers: { "x-canary": value } });
        expect(answer.headers.getSetCookie()).toHaveLength(
          answer.headers.get("x-pix-decision")?.includes("sample") === true ? 1 : 0,
        );
        return answer.headers.get("x-pix-decision");
      };
      return await Promise.all(values.map(ask));
    } finally {
      await other.dispose();
    }
  };

  // Which values are no keys: cookie-signer.test.ts. Without a readable configuration: AT-8.
  test("without usable COOKIE_KEYS newly sampled visitors go to proxy with reason default", async () => {
    expect(await shownWith({ vars: { COOKIE_KEYS: "{" } }, "0")).toEqual(["proxy (default)"]);
  });

  test("mode signed wants a signature made for overrides and for this expiry", async () => {
    const expiresAtS = Math.floor(Date.now() / 1000) + 600;
    const key = await importHmacKey(Buffer.alloc(32, 1));
    const good = await signText(key, overridePayload(expiresAtS, "k1"));
    const cookieLike = await signText(key, `v1.${expiresAtS}.k1`);
    const options = { vars: { CANARY_OVERRIDE: "signed" }, config: { canary_percent: 0 } };
    const shown = await shownWith(
      options,
      `v1.${expiresAtS}.k1.${good}`,
      `v1.${expiresAtS + 1}.k1.${good}`,
      `v1.${expiresAtS}.k2.${good}`,
      `v1.${expiresAtS}.k1.${cookieLike}`,
      "1",
    );
    expect(shown).toEqual(["native (header)", ...Array(4).fill("proxy (0% sample)")]);
  });
});

function unknownKey(): string {
  return JSON.stringify({ k9: Buffer.alloc(32, 9).toString("base64") });
}
