import fc from "fast-check";
import { isValid, MAX_ULID } from "ulid";
import { describe, expect, test, vi } from "vitest";
import { createClock } from "../../src/adapters/clock.ts";
import { createIdentity } from "../../src/adapters/identity.ts";
import { createRng } from "../../src/adapters/rng.ts";
import { MAX_TIMER_MS } from "../../src/domain/lib/duration.ts";
import { PATIENCE } from "../support/patience.ts";

describe("the clock", () => {
  test("sleeps for more than 31 bits of milliseconds without waking early (AT-10)", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    // No spy: restored by whoever restores all spies, it would bring the fake timer back to other tests.
    const set = vi.fn(globalThis.setTimeout);
    Object.assign(globalThis, { setTimeout: set });
    try {
      const stop = new AbortController();
      let awake = false;
      const sleeping = createClock()
        .sleep(3 * MAX_TIMER_MS, stop.signal)
        .then(
          () => (awake = true),
          () => undefined,
        );
      await vi.advanceTimersByTimeAsync(MAX_TIMER_MS * 2);
      expect(awake).toBe(false);
      expect(set.mock.calls.every(([, ms]) => (ms ?? 0) <= MAX_TIMER_MS)).toBe(true);
      await vi.advanceTimersByTimeAsync(MAX_TIMER_MS);
      await sleeping;
      expect(awake).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  test("an abort rejects with the signal's reason, before and during the sleep", async () => {
    const reason = new Error("ctrl-c");
    const clock = createClock();
    await expect(clock.sleep(1e9, AbortSignal.abort(reason))).rejects.toBe(reason);
    const stop = new AbortController();
    const sleeping = clock.sleep(1e12, stop.signal);
    stop.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
  });

  test("a time limit aborts with a TimeoutError, whatever number it is given", async () => {
    const limit = createClock().timeout(0.5);
    await vi.waitUntil(() => limit.aborted, PATIENCE);
    expect(limit.reason).toMatchObject({ name: "TimeoutError" });
    for (const ms of [1e15, Number.POSITIVE_INFINITY]) {
      expect(createClock().timeout(ms).aborted).toBe(false);
    }
  });
});

describe("identifiers", () => {
  const rng = createRng();
  const ulids = fc.tuple(fc.nat(2 ** 40), fc.constant(null)).map(([ms]) => rng.ulid(ms));

  test("are greater than a valid predecessor, also one from the future", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), ulids, (now, after) => {
        const next = rng.ulid(now, after);
        expect(isValid(next)).toBe(true);
        expect(next > after).toBe(true);
        expect(rng.ulid(now, after.toLowerCase()) > after).toBe(true);
      }),
    );
  });

  test("a chain within one millisecond never repeats or falls", () => {
    let last = rng.ulid(1_000);
    for (let n = 0; n < 1_000; n += 1) {
      const next = rng.ulid(1_000, last);
      expect(next > last).toBe(true);
      last = next;
    }
  });

  test.each(["", "by hand", "01JCQ", MAX_ULID, "Z".repeat(26)])(
    "after %j there is a new one",
    (after) => {
      const next = rng.ulid(1_700_000_000_000, after);
      expect(isValid(next) && next <= MAX_ULID).toBe(true);
      expect(next).not.toBe(after);
    },
  );
});

describe("the identity", () => {
  test("is PIXCANARY_ACTOR, made printable and short, else user@host", () => {
    const actor = (value: string) =>
      createIdentity({ env: { PIXCANARY_ACTOR: value }, version: "1.2.3" }).actor;
    expect(actor("Ada Lovelace")).toBe("Ada Lovelace");
    expect(actor("a\u001b[31m\nb\u202e")).toBe("a [31m b");
    expect(actor("é".repeat(300))).toHaveLength(100);
    expect(actor("\n")).toMatch(/^.+@.+$/);
    // Nobody is taken for the guardian, whose word binds it and frees it.
    for (const name of ["guardian", " guardian\n"]) expect(actor(name)).toMatch(/^guardian@.+$/);
    const plain = createIdentity({ env: {}, version: "1.2.3" });
    expect(plain.actor).toMatch(/^.+@.+$/);
    expect(plain.tool).toBe("pixcanary 1.2.3");
  });
});
