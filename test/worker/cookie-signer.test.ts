/** The signer alone; the million mutations of AT-17 build on it. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { COOKIE_MAX_AGE_S } from "../../src/domain/decision/cookie.ts";
import { overridePayload } from "../../src/domain/decision/override.ts";
import { createCookieSigner, parseCookieKeys } from "../../worker/cookie-signer.ts";
import { importHmacKey, signText } from "../../worker/hmac.ts";

const NOW_MS = Date.parse("2026-01-01T00:00:00Z");
const key = (id: string, byte: number) => ({ id, secret: new Uint8Array(32).fill(byte) });
const K1 = key("k1", 1);
const K2 = key("k2", 2);

async function issue(keys = [K1], cohort: "native" | "proxy" = "native"): Promise<string> {
  const header = await createCookieSigner(keys).sign(cohort, "B2a", NOW_MS);
  return header?.split(";", 1)[0] ?? "";
}

describe("cohort cookie", () => {
  test("what it signs it reads, as long as tag and age fit", async () => {
    const signer = createCookieSigner([K1]);
    const cookie = await issue();
    const lastMs = NOW_MS + COOKIE_MAX_AGE_S * 1000 - 1;
    expect(await signer.read(cookie, "B2a", NOW_MS)).toBe("native");
    expect(await signer.read(cookie, "B2a", lastMs)).toBe("native");
    expect(await signer.read(cookie, "B2a", lastMs + 1)).toBeNull();
    expect(await signer.read(cookie, "B2b", NOW_MS)).toBeNull();
    expect(await signer.read(cookie, "B2a", NOW_MS - 301_000)).toBeNull();
  });

  test("rotation is invisible: add, sign, retire (AT-20)", async () => {
    const old = await issue([K1]);
    const rotated = createCookieSigner([K2, K1]);
    expect(await rotated.read(old, "B2a", NOW_MS)).toBe("native");
    const renewed = await issue([K2, K1], "proxy");
    expect(renewed).toContain(".k2.");
    expect(await createCookieSigner([K1, K2]).read(renewed, "B2a", NOW_MS)).toBe("proxy");
    expect(await createCookieSigner([K2]).read(old, "B2a", NOW_MS)).toBeNull();
  });

  test("the memo of verified cookies forgets neither expiry nor tag", async () => {
    const signer = createCookieSigner([K1]);
    const cookie = await issue();
    await signer.read(cookie, "B2a", NOW_MS);
    expect(await signer.read(cookie, "B2a", NOW_MS + COOKIE_MAX_AGE_S * 1000)).toBeNull();
    expect(await signer.read(cookie, "B2b", NOW_MS)).toBeNull();
  });

  test("no change of a single character is accepted, nor does it throw (AT-17)", async () => {
    const signer = createCookieSigner([K1, K2]);
    const cookie = await issue();
    const value = cookie.slice(cookie.indexOf("=") + 1);
    const anyChar = fc.constantFrom(..."ABab01-_.=;, \n\u00e9\u0000");
    await fc.assert(
      fc.asyncProperty(fc.nat(value.length - 1), anyChar, async (at, char) => {
        fc.pre(value[at] !== char);
        // A semicolon ends the value: what is left may not be valid either.
        const changed = value.slice(0, at) + char + value.slice(at + 1);
        expect(await signer.read(`_canary_cohort=${changed}`, "B2a", NOW_MS)).toBeNull();
      }),
      { numRuns: 2_000 },
    );
  });

  test("a second spelling of the same signature is refused (M2)", async () => {
    const cookie = await issue();
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const last = alphabet.indexOf(cookie.at(-1) ?? "");
    const signer = createCookieSigner([K1]);
    for (const char of [1, 2, 3].map((step) => alphabet[last + step])) {
      expect(await signer.read(cookie.slice(0, -1) + char, "B2a", NOW_MS)).toBeNull();
    }
    expect(await signer.read(`${cookie}=`, "B2a", NOW_MS)).toBeNull();
  });
});

describe("signed override", () => {
  test("is bound to its expiry, to at most an hour, and to its context", async () => {
    const signer = createCookieSigner([K1]);
    const hmac = await importHmacKey(K1.secret);
    const expiresAtS = NOW_MS / 1000 + 3_600;
    const sign = async (text: string) => `v1.${expiresAtS}.k1.${await signText(hmac, text)}`;
    const good = await sign(overridePayload(expiresAtS, "k1"));
    expect(await signer.verifyOverride(good, NOW_MS)).toBe(true);
    expect(await signer.verifyOverride(good, NOW_MS + 3_600_000)).toBe(false);
    expect(await signer.verifyOverride(good, NOW_MS - 1_000)).toBe(false);
    expect(await signer.verifyOverride(await sign(`v1.${expiresAtS}.k1`), NOW_MS)).toBe(false);
    expect(await signer.verifyOverride(null, NOW_MS)).toBe(false);
  });
});

describe("COOKIE_KEYS", () => {
  const long = Buffer.alloc(32, 7).toString("base64");

  test("keeps the order written: the first signs", () => {
    const { keys, problems } = parseCookieKeys(`{"k2":"${long}","k1":"${long}"}`);
    expect([keys.map((each) => each.id), problems]).toEqual([["k2", "k1"], []]);
  });

  test.each([
    undefined,
    "",
    "null",
    "[]",
    '"x"',
    '{"k1":1}',
    '{"k1":"%%%"}',
    `{"k1":"${Buffer.alloc(31).toString("base64")}"}`,
    `{"a key":"${long}"}`,
    `{"1":"${long}"}`,
  ])("%j gives no key and says what is wrong, without the key", (text) => {
    const { keys, problems } = parseCookieKeys(text);
    expect(keys).toEqual([]);
    expect(problems).toHaveLength(1);
    expect(problems.join()).not.toContain(long);
  });
});
