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
    for (const [index, each] of queue) pairs.push(await both(`d-${index}`, each));
  };
  await Promise.all(Array.from({ length: PARALLEL }, lane));
}

const described = ({ plan: { request, answer } }: Pair): string =>
  JSON.stringify({
    ...request,
    body: request.body?.length ?? null,
    answer: { ...answer, body: answer.body.length },
  }).slice(0, 1_500);

describe("AT-29", () => {
  test(`${REQUESTS} generated requests are equal but for the documented headers`, async () => {
    await runAll();
    const problems = pairs.flatMap((pair) => {
      const found = differences(pair.direct, pair.via);
      return found.length === 0 ? [] : [`${found.join(" | ")} in ${described(pair)}`];
    });
    const sent = pairs.reduce((sum, { plan: each }) => sum + (each.request.body?.length ?? 0), 0);
    const got = pairs.reduce((sum, { direct }) => sum + direct.got.body.length, 0);
    console.log(
      `AT-29: seed ${seed}, ${pairs.length} requests, ${(sent / 2 ** 20).toFixed(1)} MiB sent, ` +
        `${(got / 2 ** 20).toFixed(1)} MiB received, ${problems.length} differ`,
    );
    expect(problems.slice(0, 5)).toEqual([]);
    expect(pairs).toHaveLength(REQUESTS);
  });
});
