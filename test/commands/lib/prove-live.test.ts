/** What a location is said to show is what it showed, whenever the time ends. */
import { expect, test } from "vitest";
import { proveLive } from "../../../src/commands/lib/prove-live.ts";
import type { Sighting } from "../../../src/domain/proof/expectation.ts";
import type { QaProbe } from "../../../src/ports/visitors.ts";
import { stageAt } from "../drill/world.ts";

function cutOff(seen: Sighting): Sighting {
  return { ...seen, status: null, colo: null, decision: null, qa: null, problem: "cancelled" };
}

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
      return cutOff(seen);
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
    return cutOff(seen);
  };
  const { missing } = await proveLive(
    { ...ports, qa: { ...ports.qa, urls: [url], look } },
    { emergency: true },
    { what: "the stop", signal, startedMs: 0 },
  );
  expect(missing).toMatchObject([{ url, because: "cancelled" }]);
});

test("a look that comes through as the time ends counts, not the one before", async () => {
  const ports = stageAt(10).ports();
  const [url = ""] = ports.qa.urls;
  const end = new AbortController();
  let looks = 0;
  const look: QaProbe["look"] = async (at, options) => {
    looks += 1;
    const seen = await ports.qa.look(at, options);
    if (looks === 1) return { ...seen, colo: "OLD" };
    end.abort();
    return { ...seen, colo: "NEW" };
  };
  const { missing } = await proveLive(
    { ...ports, qa: { ...ports.qa, urls: [url], look } },
    { emergency: true },
    { what: "the stop", signal: end.signal, startedMs: 0 },
  );
  expect(missing).toMatchObject([{ location: "NEW" }]);
});

test("an answer that is lost before the time ends does not end the looking", async () => {
  const ports = stageAt(10).ports();
  const [url = ""] = ports.qa.urls;
  const end = new AbortController();
  let looks = 0;
  const look: QaProbe["look"] = async (at, options) => {
    looks += 1;
    const seen = await ports.qa.look(at, options);
    if (looks === 4) end.abort();
    return looks === 2 ? { ...cutOff(seen), problem: "connection refused" } : seen;
  };
  await proveLive(
    { ...ports, qa: { ...ports.qa, urls: [url], look } },
    { emergency: true },
    { what: "the stop", signal: end.signal, startedMs: 0 },
  );
  expect(looks).toBe(4);
});
