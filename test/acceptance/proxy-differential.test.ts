/** AT-29: what the origin receives and the client gets, through the Worker and without it. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WorkerUnderTest } from "../worker/harness.ts";
import { startWorker } from "../worker/harness.ts";
import type { Exchange, Message } from "./proxy-differences.ts";
import { DIFFERENCES, differences, withoutOurCookie } from "./proxy-differences.ts";
import type { PlannedOrigin } from "./proxy-peers.ts";
import { send, startPlannedOrigin } from "./proxy-peers.ts";
import type { Plan } from "./proxy-plan.ts";
import { plan } from "./proxy-plan.ts";

const REQUESTS = 600;
const PARALLEL = 8;
const seed = Number(process.env.PIXCANARY_SEED ?? Date.now() % 2 ** 31);

let origin: PlannedOrigin;
let worker: WorkerUnderTest;
beforeAll(async () => {
  origin = await startPlannedOrigin();
  worker = await startWorker({ vars: { ORIGIN_URL: origin.url, CANARY_OVERRIDE: "signed" } });
});
afterAll(async () => {
  await worker.dispose();
  await origin.close();
});

async function exchange(url: string, id: string, { request, answer }: Plan): Promise<Exchange> {
  origin.plan(id, answer);
  const got = await send(url, id, request);
  return { seen: origin.seen(id), got };
}

interface Pair {
  plan: Plan;
  direct: Exchange;
  via: Exchange;
}

async function both(id: string, each: Plan): Promise<Pair> {
  const direct = await exchange(origin.url, id, each);
  if (direct.seen !== null) {
    direct.seen = { ...direct.seen, headers: withoutOurCookie(direct.seen.headers) };
  }
  // Its own id, so that a request that does not reach the origin is noticed; then called the same.
  const other = id.replace("d-", "w-");
  const via = await exchange(worker.url, other, each);
  if (via.seen !== null) via.seen = { ...via.seen, start: via.seen.start.replace(other, id) };
  return { plan: each, direct, via };
}

const pairs: Pair[] = [];

async function runAll(): Promise<void> {
  const queue = fc.sample(plan, { seed, numRuns: REQUESTS }).entries();
  const lane = async (): Promise<void> => {
    for (const [index, each] of queue) {
      const pair = both(`d-${index}`, each);
      pairs.push(await pair.catch((error) => Promise.reject(failed(index, error))));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, lane));
}

function failed(index: number, cause: unknown): Error {
  return new Error(`request ${index} of seed ${seed} got no answer`, { cause });
}

const described = ({ plan: { request, answer } }: Pair): string =>
  JSON.stringify({
    ...request,
    body: request.body?.length ?? null,
    answer: { ...answer, body: answer.body.length },
  }).slice(0, 1_500);

function complaints(twin: (via: Exchange) => Exchange = (via) => via): string[] {
  return pairs.flatMap((pair) => {
    const found = differences(pair.direct, twin(pair.via));
    return found.length === 0 ? [] : [`${found.join(" | ")} in ${described(pair)}`];
  });
}

describe("AT-29", () => {
  test(`${REQUESTS} generated requests are equal but for the documented headers`, async () => {
    await runAll();
    const problems = complaints();
    const sent = pairs.reduce((sum, { plan: each }) => sum + (each.request.body?.length ?? 0), 0);
    const got = pairs.reduce((sum, { direct }) => sum + direct.got.body.length, 0);
    console.log(
      `AT-29: seed ${seed}, ${pairs.length} requests, ${(sent / 2 ** 20).toFixed(1)} MiB sent, ` +
        `${(got / 2 ** 20).toFixed(1)} MiB received, ${problems.length} differ`,
    );
    expect(problems.slice(0, 5)).toEqual([]);
    expect(pairs).toHaveLength(REQUESTS);
  });

  test("the generated requests cover what they are for", () => {
    const statuses = new Set(pairs.map(({ via }) => via.got.start));
    for (const status of ["200", "204", "206", "302", "304", "416", "500"]) {
      expect([...statuses]).toContain(status);
    }
    const asked = pairs.flatMap(({ plan: { request } }) => request.headers.map(([name]) => name));
    const names = [
      "Connection",
      "Expect",
      "If-Range",
      "TE",
      "X-Canary",
      "Cookie",
      "X-Forwarded-For",
    ];
    expect(asked).toEqual(expect.arrayContaining(names));
  });

  test("every reason on the list is given, and no header stands there twice", () => {
    const keys = DIFFERENCES.map(({ side, header }) => `${side} ${header}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(DIFFERENCES.every(({ why }) => why.length > 10)).toBe(true);
  });

  test.each<[string, (via: Exchange) => Exchange]>([
    ["drops a request header", seenBy((headers) => without(headers, "accept"))],
    ["drops an answer's header", gotBy((headers) => without(headers, "content-type"))],
    ["lets shared caches have our cookie", gotBy((headers) => without(headers, "cache-control"))],
    ["joins several Set-Cookie", gotBy(joinSetCookie)],
    ["decompresses", gotBy((headers) => without(headers, "content-encoding"))],
    ["adds a header", seenBy((headers) => [...headers, "X-Powered-By", "proxy"])],
    ["passes X-Canary on", seenBy((headers) => [...headers, "X-Canary", "1"])],
    ["passes our cookie on", seenBy((headers) => [...headers, "Cookie", "_canary_cohort=v1"])],
    ["passes TE on", seenBy((headers) => [...headers, "TE", "trailers"])],
    ["passes True-Client-IP on", seenBy((headers) => [...headers, "True-Client-IP", "6.6.6.6"])],
    ["passes X_Real_IP on", seenBy((headers) => [...headers, "X_Real_IP", "6.6.6.6"])],
    ["hides who asks", seenBy((headers) => without(headers, "cf-connecting-ip"))],
    ["believes X-Forwarded-For", seenBy((headers) => [...headers, "X-Forwarded-For", "6.6.6.6"])],
    [
      "changes a percent sign",
      onSeen((seen) => ({ ...seen, start: seen.start.replace("%", "%25") })),
    ],
    ["loses the last byte", onGot((got) => ({ ...got, body: got.body.subarray(0, -1) }))],
    [
      "sends the body twice",
      onSeen((seen) => ({ ...seen, body: Buffer.concat([seen.body, seen.body]) })),
    ],
    [
      "follows redirects",
      onGot((got) => ({ ...got, start: got.start.replace(/^30[1278]/, "200") })),
    ],
    ["never asks", (via) => ({ ...via, seen: null })],
  ])("a proxy that %s is caught", (_name, twin) => {
    expect(complaints(twin).length).toBeGreaterThan(0);
  });
});

describe("what the list says is overwritten", () => {
  test("forwarding headers are the edge's own, whatever the visitor says", () => {
    const host = new URL(worker.url).host;
    for (const { via } of pairs) {
      const headers = new Map<string, string>();
      for (let at = 0; at + 1 < (via.seen?.headers.length ?? 0); at += 2) {
        headers.set((via.seen?.headers[at] ?? "").toLowerCase(), via.seen?.headers[at + 1] ?? "");
      }
      const shown = ["for", "host", "proto"].map((name) => headers.get(`x-forwarded-${name}`));
      expect(shown).toEqual(["203.0.113.7", host, "http"]);
    }
  });
});

type Twin = (via: Exchange) => Exchange;

function onSeen(change: (seen: Message) => Message): Twin {
  return (via) => ({ ...via, seen: via.seen === null ? null : change(via.seen) });
}

function onGot(change: (got: Message) => Message): Twin {
  return (via) => ({ ...via, got: change(via.got) });
}

type Change = (headers: readonly string[]) => string[];

function seenBy(change: Change): Twin {
  return onSeen((seen) => ({ ...seen, headers: change(seen.headers) }));
}

function gotBy(change: Change): Twin {
  return onGot((got) => ({ ...got, headers: change(got.headers) }));
}

function without(headers: readonly string[], name: string): string[] {
  return headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() !== name);
}

function joinSetCookie(headers: readonly string[]): string[] {
  const values = headers.filter(
    (_, at) => headers[at - 1]?.toLowerCase() === "set-cookie" && at % 2,
  );
  const ours = values.filter((value) => value !== "" && !value.startsWith("_canary_cohort="));
  return [...without(headers, "set-cookie"), "Set-Cookie", ours.join(", ")];
}
