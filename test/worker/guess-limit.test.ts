/** The limit on wrong tokens, on a clock of its own. */
import { timingSafeEqual } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { signIn } from "../../worker/dashboard/admission.ts";
import { createGuessLimit, networkOf } from "../../worker/qa/guess-limit.ts";

const A = "198.51.100.1";

function guess(limit: ReturnType<typeof createGuessLimit>, address: string, times: number): void {
  for (let n = 0; n < times; n += 1) limit.wrong(address);
}

test("nine wrong tokens are forgiven, the tenth costs a minute, and a minute only", () => {
  let nowMs = 1_000;
  const limit = createGuessLimit(() => nowMs);
  guess(limit, A, 9);
  expect(limit.blockedMs(A)).toBe(0);
  nowMs += 30_000;
  limit.wrong(A);
  expect(limit.blockedMs(A)).toBe(60_000);
  nowMs += 59_999;
  limit.wrong(A);
  expect(limit.blockedMs(A)).toBe(1);
  nowMs += 1;
  expect(limit.blockedMs(A)).toBe(0);
});

test("wrong tokens a minute apart never add up", () => {
  let nowMs = 0;
  const limit = createGuessLimit(() => nowMs);
  for (let n = 0; n < 100; n += 1, nowMs += 7_000) {
    limit.wrong(A);
    expect(limit.blockedMs(A)).toBe(0);
  }
});

test("whoever guesses, in whatever rhythm, has eleven tries in a minute at most, and no stranger waits", () => {
  const pauses = fc.array(fc.nat({ max: 20_000 }), { minLength: 50, maxLength: 300 });
  fc.assert(
    fc.property(pauses, (waits) => {
      let nowMs = 0;
      const limit = createGuessLimit(() => nowMs);
      const tries: number[] = [];
      for (const wait of waits) {
        nowMs += wait;
        expect(limit.blockedMs("203.0.113.1")).toBe(0);
        if (limit.blockedMs(A) > 0) {
          expect(limit.blockedMs(A)).toBeLessThanOrEqual(60_000);
          continue;
        }
        limit.wrong(A);
        tries.push(nowMs);
      }
      for (const from of tries) {
        expect(tries.filter((at) => at >= from && at < from + 60_000).length).toBeLessThan(20);
      }
    }),
  );
});

test("a clock that is set back makes no block longer", () => {
  let nowMs = 10_000_000;
  const limit = createGuessLimit(() => nowMs);
  guess(limit, A, 10);
  nowMs -= 5_000_000;
  expect(limit.blockedMs(A)).toBe(0);
});

test("a flood of addresses takes no more memory than 5,000 of them", () => {
  const limit = createGuessLimit(() => 0);
  for (let n = 0; n < 20_000; n += 1) limit.wrong(`10.0.${n >> 8}.${n & 255}`);
  expect(limit.size).toBe(5_000);
});

test.each([
  ["203.0.113.7", "203.0.113.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["2001:DB8:1:2::6", "2001:db8:1:2"],
  ["2001:db8::6", "2001:db8:0:0"],
  ["2001:0db8:0:0:1::", "2001:db8:0:0"],
  ["::1", "0:0:0:0"],
  [null, "unknown"],
])("%s counts as %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test("guesses that come while a sign-in waits count against it: the right token is not told from others", async () => {
  // Of the Worker's runtime alone.
  Object.assign(crypto.subtle, {
    timingSafeEqual: (a: ArrayBuffer, b: ArrayBuffer) =>
      timingSafeEqual(new Uint8Array(a), new Uint8Array(b)),
  });
  const guesses = createGuessLimit(() => 0);
  const env = {
    QA_LIMIT_ANON: {
      limit: async () => {
        guess(guesses, A, 10);
        return { success: true };
      },
    },
  };
  const token = "t".repeat(32);
  const deps = {
    settings: { qaToken: token },
    guesses,
    dashboard: { viewers: { make: async () => "cookie" } },
  };
  const request = new Request("https://api.pix.immo/qa", { headers: { "cf-connecting-ip": A } });
  expect(await signIn(token, request, env as never, deps as never)).toEqual({
    kind: "limited",
    retryAfterS: 60,
  });
});
