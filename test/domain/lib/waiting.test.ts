/** Trying again, and waiting no longer than a signal allows. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { anySignal, unlessAborted } from "../../../src/domain/lib/abort.ts";
import { jitteredMs, retry } from "../../../src/domain/lib/retry.ts";

const never = new Promise<string>(() => undefined);
const atOnce = async (_ms: number, signal: AbortSignal): Promise<void> => signal.throwIfAborted();

describe("trying again", () => {
  test("ends with the result that needs no other try, and waits as told in between", async () => {
    const slept: number[] = [];
    const sleep = async (ms: number): Promise<void> => void slept.push(ms);
    const result = await retry(
      async (number) => number,
      (number) => (number < 3 ? number * 10 : null),
      { sleep, signal: new AbortController().signal },
    );
    expect([result, slept]).toEqual([3, [10, 20]]);
  });

  test.each(["try", "wait"])(
    "ends with what is known when the signal aborts a %s",
    async (when) => {
      const stop = new AbortController();
      const tries: number[] = [];
      const attempt = async (number: number): Promise<number> => {
        tries.push(number);
        if (when === "try") stop.abort();
        return number;
      };
      const delayMs = (): number => {
        stop.abort();
        return 1;
      };
      expect(await retry(attempt, delayMs, { sleep: atOnce, signal: stop.signal })).toBe(1);
      expect(tries).toEqual([1]);
    },
  );

  test("the ceiling of the delay doubles up to its most, however often it was tried", () => {
    const backoff = { firstDelayMs: 100, maxDelayMs: 1_000 };
    const ceilings = [1, 2, 4, 5, 5_000].map((number) => jitteredMs(number, backoff, 0.999_999));
    expect(ceilings).toEqual([99, 199, 799, 999, 999]);
    expect(jitteredMs(3, backoff, 0)).toBe(0);
  });
});

describe("waiting no longer than a signal allows", () => {
  test("gives what the work comes to, even when both are there already", async () => {
    expect(await unlessAborted(Promise.resolve("done"), AbortSignal.abort(), () => "late")).toBe(
      "done",
    );
    const failing = Promise.reject(new Error("refused"));
    await expect(
      unlessAborted(failing, new AbortController().signal, () => "late"),
    ).rejects.toThrow("refused");
  });

  test("gives or throws what is late, once the signal aborts", async () => {
    const stop = new AbortController();
    const waiting = unlessAborted(never, stop.signal, () => "late");
    stop.abort();
    expect(await waiting).toBe("late");
    const late = (): never => {
      throw new Error("no answer");
    };
    await expect(unlessAborted(never, stop.signal, late)).rejects.toThrow("no answer");
  });
});

describe("several signals in one", () => {
  /** Of what nobody holds. */
  async function collectGarbage(): Promise<void> {
    setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    // What a turn has looked at is held until it is over.
    for (let turn = 0; turn < 3; turn += 1) {
      await new Promise(setImmediate);
      collect();
    }
  }

  function abortedUnheard(): AbortSignal {
    const [limit, other] = [new AbortController(), new AbortController()];
    const any = anySignal([anySignal([limit.signal]), other.signal]);
    setImmediate(() => limit.abort("the limit"));
    return any;
  }

  test("aborts also when nobody listened, and nobody else knows of its signals any more", async () => {
    const any = abortedUnheard();
    await collectGarbage();
    expect([any.aborted, any.reason]).toEqual([true, "the limit"]);
  });
});
