/** AT-29: byte by byte what a bare proxy Worker does, seen over plain sockets. */
import fc from "fast-check";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runs } from "../support/runs.ts";
import type { WorkerUnderTest } from "../worker/harness.ts";
import { startWorker } from "../worker/harness.ts";
import type { Pair, Passage } from "./proxy-bytes-compare.ts";
import { differences, OF_THE_DECISION, setsOurs } from "./proxy-bytes-compare.ts";
import { addressed, bytesPlan } from "./proxy-bytes-plan.ts";
import { gotBy, joined, ofCookie, seenBy, startBy, values } from "./proxy-bytes-twins.ts";
import type { Field, RawMessage, RawOrigin } from "./raw-http.ts";
import { RawClient, reencoded, startRawOrigin } from "./raw-http.ts";

const REQUESTS = runs(3_000, 1_000);
const LANES = 8;
const seed = Number(process.env.PIXCANARY_SEED ?? Date.now() % 2 ** 31);

const BARE = `export default { fetch(request, { ORIGIN_URL }) {
  const { pathname, search } = new URL(request.url);
  return fetch(new Request(ORIGIN_URL + pathname + search, request), { redirect: "manual" });
} }`;

let origin: RawOrigin;
let bare: Miniflare;
let bareUrl: string;
let worker: WorkerUnderTest;
let signed: string;
beforeAll(async () => {
  origin = await startRawOrigin();
  bare = new Miniflare({
    cf: false,
    modules: true,
    compatibilityDate: "2026-07-01",
    script: BARE,
    bindings: { ORIGIN_URL: origin.url },
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  });
  bareUrl = (await bare.unsafeGetDirectURL()).origin;
  worker = await startWorker({ vars: { ORIGIN_URL: origin.url } });
  signed = await worker.cookie("proxy");
});
afterAll(async () => {
  await bare.dispose();
  await worker.dispose();
  await origin.close();
});

async function pass(
  client: RawClient,
  target: string,
  { request, answer }: { request: RawMessage; answer: RawMessage },
): Promise<Passage> {
  origin.plan(target, answer);
  const got = await client.ask(addressed(request, target, signed));
  return { seen: origin.seen(target), got };
}

const pairs: Pair[] = [];

async function runAll(): Promise<void> {
  const queue = fc.sample(bytesPlan, { seed, numRuns: REQUESTS }).entries();
  const lane = async (): Promise<void> => {
    const clients = { bare: new RawClient(bareUrl), ours: new RawClient(worker.url) };
    for (const [index, plan] of queue) {
      try {
        const { asked, clean, answer } = plan;
        const [first, second] = index % 3 === 0 ? ["/page/b-", "/page/w-"] : ["/api/b-", "/api/w-"];
        pairs.push({
          plan,
          bare: await pass(clients.bare, first + index, { request: clean, answer }),
          ours: await pass(clients.ours, second + index, { request: asked, answer }),
        });
      } catch (cause) {
        const what = JSON.stringify(plan).slice(0, 2_000);
        throw new Error(`request ${index} of seed ${seed} got no answer: ${what}`, { cause });
      }
    }
    clients.bare.close();
    clients.ours.close();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

function complaints(twin: (passage: Passage) => Passage = (same) => same): string[] {
  return pairs.flatMap((pair) => {
    const found = differences({ ...pair, ours: twin(pair.ours) });
    return found.map((each) => `${each} in ${JSON.stringify(pair.plan.asked.fields)}`);
  });
}

describe("AT-29", () => {
  test(`${REQUESTS} generated requests pass as through a bare proxy Worker, byte by byte`, async () => {
    await runAll();
    const problems = complaints();
    console.log(`AT-29: bytes: seed ${seed}, ${pairs.length} requests, ${problems.length} differ`);
    expect(problems.slice(0, 3)).toEqual([]);
    expect(pairs).toHaveLength(REQUESTS);
    expect(pairs.every(({ ours }) => ours.seen !== null)).toBe(true);
  });

  test.each<[string, (passage: Passage) => Passage]>([
    ["decodes and encodes cookies", seenBy(ofCookie(reencoded))],
    [
      "decodes and encodes request headers",
      seenBy(values((value, name) => (name === "Cookie" ? value : reencoded(value)))),
    ],
    ["decodes and encodes an answer's headers", gotBy(values(reencoded))],
    [
      "reads bytes as Latin-1",
      gotBy(values((value) => Buffer.from(value, "utf8").toString("latin1"))),
    ],
    ["joins cookies anew", seenBy(ofCookie((value) => value.replaceAll(", ", "; ")))],
    ["trims the blanks of cookies", seenBy(ofCookie((value) => value.replaceAll(/; */g, "; ")))],
    ["drops the last Cookie line", seenBy(ofCookie((value) => value.replace(/, [^,]*$/, "")))],
    ["leaves our cookie in a second line", seenBy(ofCookie((value) => `${value}, ${signed}`))],
    ["joins repeated request headers", seenBy(joined)],
    ["joins repeated headers of an answer", gotBy(joined)],
    ["turns the order of an answer's headers", gotBy((fields) => fields.toReversed())],
    ["drops empty headers", seenBy((fields) => fields.filter(([, value]) => value !== ""))],
    ["drops an empty Set-Cookie", gotBy((fields) => fields.filter(([, value]) => value !== ""))],
    [
      "answers 502 for an odd status",
      startBy((start) => start.replace(/ [6-9]\d\d .*/, " 502 Bad Gateway")),
    ],
    ["loses the reason", startBy((start) => start.split(" ", 2).join(" "))],
  ])("a proxy that %s is caught", (_name, twin) => {
    expect(complaints(twin).length).toBeGreaterThan(0);
  });
});

describe("every status that an origin can send", () => {
  const statuses = Array.from({ length: 900 }, (_, n) => 100 + n);
  const odd = (status: number): RawMessage => ({
    start: `HTTP/1.1 ${status} Odd`,
    fields: [["Content-Length", "0"]],
    body: "",
  });
  const ask = (method: string): RawMessage => ({
    start: `${method} {target} HTTP/1.1`,
    fields: [["Host", "pix.immo"]],
    body: "",
  });

  async function told(method: string, answer: RawMessage): Promise<[string, string]> {
    const client = new RawClient(worker.url);
    const { got } = await pass(client, "/api/odd", { request: ask(method), answer });
    client.close();
    return [got.start, got.body];
  }

  test("passes from 200 on, with its reason and without a decision above 599", async () => {
    const client = new RawClient(worker.url);
    const shown: unknown[] = [];
    for (const status of statuses.filter((each) => each >= 200)) {
      const { got } = await pass(client, "/api/odd", { request: ask("GET"), answer: odd(status) });
      const decided = got.fields.some(([name]) => OF_THE_DECISION.test(name));
      shown.push([got.start, decided, setsOurs(got)]);
    }
    client.close();
    expect(shown).toEqual(
      statuses
        .filter((each) => each >= 200)
        .map((each) => [`HTTP/1.1 ${each} Odd`, each <= 599, each <= 599]),
    );
  });

  test("an interim one is no answer, and the 502 says which it was", async () => {
    for (const status of statuses.filter((each) => each < 200)) {
      const [start, body] = await told("GET", odd(status));
      expect(start).toBe("HTTP/1.1 502 Bad Gateway");
      expect(JSON.parse(body)).toEqual({
        error: "origin_status",
        message: `The legacy origin answered HTTP ${status}, which is not a final status. The Worker cannot read what follows it.`,
      });
    }
  });

  test("of an origin that hangs up no more is said than is known", async () => {
    const client = new RawClient(worker.url);
    // Nothing is planned for this path: the origin hangs up.
    const { body } = await client.ask(addressed(ask("GET"), "/api/nothing", signed));
    client.close();
    expect(JSON.parse(body)).toEqual({
      error: "origin_unreachable",
      message:
        "The legacy origin did not answer, or broke off within its headers. The Worker itself is working.",
    });
  });

  test("to HEAD as well", async () => {
    expect((await told("HEAD", odd(599)))[0]).toBe("HTTP/1.1 599 Odd");
    expect((await told("HEAD", odd(999)))[0]).toBe("HTTP/1.1 999 Odd");
  });

  test.each([
    ["what is not HTTP", "SSH-2.0-OpenSSH", []],
    ["a header without a name", "HTTP/1.1 200 OK", [["no name", "x"]]],
    ["a length that is none", "HTTP/1.1 200 OK", [["Content-Length", "x"]]],
  ] satisfies [string, string, Field[]][])("%s was not silence", async (_name, start, fields) => {
    worker.logs.clear();
    const [status, body] = await told("GET", { start, fields, body: "" });
    expect([status, JSON.parse(body).error]).toEqual([
      "HTTP/1.1 502 Bad Gateway",
      "origin_unreadable",
    ]);
    const [line] = await worker.logs.take(1, ({ error_msg }) => error_msg !== null);
    expect(line?.error_msg).toMatch(/^the origin's answer could not be read: [^;]+/);
    expect(line?.error_msg).not.toContain("reference");
  });
});
