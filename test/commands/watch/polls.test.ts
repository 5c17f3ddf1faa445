/** How often `watch` asks, over half an hour of a clock that runs as fast as it can. */
import { describe, expect, it } from "vitest";
import { emptyModel } from "../../../src/commands/watch/model.ts";
import { poll } from "../../../src/commands/watch/polls.ts";
import { POLL_LIMIT } from "../../../src/commands/watch/request-budget.ts";
import { STATE_KEYS } from "../../../src/domain/state/state.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { entryOf, PLAIN, PORTS, sightingOf, VirtualClock } from "./world.ts";

const FIVE_MINUTES_MS = 300_000;
const HALF_HOUR_MS = 1_800_000;

interface World {
  ports: Ports;
  clock: VirtualClock;
  /** When each request of the API left. */
  sent: number[];
  /** When /qa was looked at. */
  looks: number[];
  /** Null: it answers. */
  failure: () => UpstreamError | null;
  share: { percent: number; revision: string };
}

/** Counts as the adapters do: one request for each key of the state, one for each question, five at most for the journal. */
function world(): World {
  const clock = new VirtualClock();
  const share = { percent: 10, revision: PLAIN.revision };
  const sent: number[] = [];
  const looks: number[] = [];
  const made: World = { ports: PORTS, clock, sent, looks, failure: () => null, share };
  const send = (requests: number): void => {
    for (let n = 0; n < requests; n += 1) sent.push(clock.now());
    const failure = made.failure();
    if (failure !== null) throw failure;
  };
  made.ports = {
    ...PORTS,
    clock,
    rng: { ...PORTS.rng, next: () => 0 },
    store: {
      ...PORTS.store,
      async read({ once }) {
        expect(once).toBe(true);
        send(STATE_KEYS.length);
        const config = {
          canary_percent: share.percent,
          canary_tag: "B2a",
          emergency_proxy: false,
          last_updated: new Date(clock.now() - (clock.now() % HALF_HOUR_MS)).toISOString(),
          revision: share.revision,
        };
        return { config: JSON.stringify(config), stop: null };
      },
    },
    metrics: {
      async ask(_question, { once }) {
        expect(once).toBe(true);
        send(1);
        return [];
      },
    },
    journal: {
      ...PORTS.journal,
      async recent() {
        for (let n = 0; n < 5; n += 1) sent.push(clock.now());
        return { entries: [entryOf(PLAIN, "E1", 60)], warnings: [] };
      },
    },
    qa: {
      urls: ["https://FRA.example/qa"],
      async look() {
        looks.push(clock.now());
        return {
          ...sightingOf({ ...PLAIN, revision: share.revision }, share.percent),
          atMs: clock.now(),
        };
      },
    },
  };
  return made;
}

async function watchFor(ms: number, given: World, intervalMs = 10_000) {
  const model = emptyModel(given.ports.qa.urls);
  const signal = given.clock.timeout(ms);
  const polling = { ports: given.ports, model, signal, intervalMs, changed: () => undefined };
  await given.clock.play(poll(polling));
  return model;
}

/** The most within any five minutes. */
function busiest(sent: readonly number[]): number {
  return Math.max(0, ...sent.map((from) => within(sent, from, FIVE_MINUTES_MS)));
}

function within(sent: readonly number[], from: number, ms: number): number {
  return sent.filter((at) => at >= from && at < from + ms).length;
}

describe("the API's budget", () => {
  it("is kept to a fifth when all is well, and used", async () => {
    const given = world();
    await watchFor(HALF_HOUR_MS, given);
    expect(busiest(given.sent)).toBeLessThanOrEqual(POLL_LIMIT);
    expect(busiest(given.sent)).toBeGreaterThan(POLL_LIMIT * 0.8);
  });

  it("is kept when everything changes all the time", async () => {
    const given = world();
    const { look } = given.ports.qa;
    let changes = 0;
    given.ports.qa = {
      ...given.ports.qa,
      look: (url, options) => {
        changes += 1;
        given.share.percent = changes % 90;
        given.share.revision = `R${changes}`;
        return look(url, options);
      },
    };
    await watchFor(HALF_HOUR_MS, given);
    expect(busiest(given.sent)).toBeLessThanOrEqual(POLL_LIMIT);
  });

  it.each([
    ["500", () => new UpstreamError("unavailable", "HTTP 500", { status: 500 })],
    ["no answer", () => new UpstreamError("unavailable", "reset")],
  ])("is kept when everything fails: %s", async (_, failure) => {
    const given = world();
    given.failure = failure;
    const model = await watchFor(HALF_HOUR_MS, given);
    expect(busiest(given.sent)).toBeLessThanOrEqual(POLL_LIMIT);
    expect(model.state.failure?.times).toBeGreaterThan(50);
  });

  it("is used less and less while the API says 429, and again once it does not", async () => {
    const given = world();
    const startMs = given.clock.now();
    let throttling = true;
    given.failure = () =>
      throttling
        ? new UpstreamError("unavailable", "HTTP 429", { status: 429, retryAfterMs: 1_000 })
        : null;
    void given.clock.sleep(HALF_HOUR_MS, new AbortController().signal).then(() => {
      throttling = false;
    });
    const model = await watchFor(2 * HALF_HOUR_MS, given);
    const lastThrottled = within(
      given.sent,
      startMs + HALF_HOUR_MS - FIVE_MINUTES_MS,
      FIVE_MINUTES_MS,
    );
    const lastHealthy = within(
      given.sent,
      startMs + 2 * HALF_HOUR_MS - FIVE_MINUTES_MS,
      FIVE_MINUTES_MS,
    );
    expect(lastThrottled).toBeLessThan(40);
    expect(lastHealthy).toBeGreaterThan(150);
    expect(model.state.failure).toBeNull();
  });
});

describe("what /qa shows", () => {
  it("is looked at about every 2 s, and a change makes the state be read at once", async () => {
    const given = world();
    const startMs = given.clock.now();
    void given.clock.sleep(101_000, new AbortController().signal).then(() => {
      given.share.percent = 5;
      given.share.revision = "CHANGED";
      given.sent.length = 0;
    });
    const model = await watchFor(104_000, given);
    expect(within(given.looks, startMs, 60_000)).toBe(30);
    expect(model.state.value?.config).toMatchObject({ value: { canary_percent: 5 } });
    // The change was at 101 s, the next look at 102 s.
    expect(given.sent[0]).toBe(startMs + 102_000);
    expect(model.locations.value).toEqual([]);
  });

  it("is looked at less often where it is refused", async () => {
    for (const [status, most] of [
      [401, 60],
      [429, 20],
    ] as const) {
      const given = world();
      const { look } = given.ports.qa;
      given.ports.qa = {
        ...given.ports.qa,
        look: async (url, options) => ({
          ...(await look(url, options)),
          status,
          qa: null,
          problem: "no",
        }),
      };
      await watchFor(600_000, given);
      expect(given.looks.length).toBeLessThanOrEqual(most);
      expect(given.looks.length).toBeGreaterThan(5);
    }
  });

  it("is looked at 150 times a minute at most, however many URLs there are", async () => {
    const given = world();
    given.ports.qa = {
      ...given.ports.qa,
      urls: Array.from({ length: 32 }, (_, n) => `https://x${n}/qa`),
    };
    const startMs = given.clock.now();
    await watchFor(300_000, given);
    expect(within(given.looks, startMs + 60_000, 60_000)).toBeLessThanOrEqual(160);
  });
});
