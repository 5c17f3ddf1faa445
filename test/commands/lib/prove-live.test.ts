/** What a location is said to show is what it showed, whenever the time ends. */
import { expect, test } from "vitest";
import { proveLive } from "../../../src/commands/lib/prove-live.ts";
import type { QaProbe } from "../../../src/ports/visitors.ts";
import { stageAt } from "../drill/world.ts";

test.each([1, 2, 5])(
  "time that ends during a look leaves what look %d before it saw",
  async (complete) => {
    const ports = stageAt(10).ports();
    const [url = ""] = ports.qa.urls;
    const end = new AbortController();
    let looks = 0;
    const look: QaProbe["look"] = async (at, options) => {
      looks += 1;
      const seen = await ports.qa.look(at, options);
      if (looks <= complete) return seen;
      end.abort();
      return { ...seen, status: null, colo: null, decision: null, qa: null, problem: "cancelled" };
    };
    const first = await ports.qa.look(url, { signal: end.signal });
    const { missing } = await proveLive(
      { ...ports, qa: { ...ports.qa, urls: [url], look } },
      { emergency: true },
      { what: "the stop", signal: end.signal, startedMs: 0 },
    );
    expect(looks).toBe(complete + 1);
    expect(first.colo).not.toBeNull();
    expect(missing).toEqual([
      { url, location: first.colo, because: expect.not.stringContaining("cancelled") },
    ]);
  },
);

test("time that ends during the first look says so", async () => {
  const ports = stageAt(10).ports();
  const [url = ""] = ports.qa.urls;
  const signal = AbortSignal.abort();
  const look: QaProbe["look"] = async (at, options) => {
    const seen = await ports.qa.look(at, { ...options, signal: new AbortController().signal });
    return { ...seen, status: null, colo: null, decision: null, qa: null, problem: "cancelled" };
  };
  const { missing } = await proveLive(
    { ...ports, qa: { ...ports.qa, urls: [url], look } },
    { emergency: true },
    { what: "the stop", signal, startedMs: 0 },
  );
  expect(missing).toMatchObject([{ url, because: "cancelled" }]);
});
