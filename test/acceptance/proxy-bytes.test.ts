/** AT-29: byte by byte what a bare proxy Worker does, seen over plain sockets. */
import fc from "fast-check";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isForSharedCaches } from "../../src/domain/proxy/shared-caching.ts";
import type { WorkerUnderTest } from "../worker/harness.ts";
import { startWorker } from "../worker/harness.ts";
import type { BytesPlan } from "./proxy-bytes-plan.ts";
import { addressed, bytesPlan } from "./proxy-bytes-plan.ts";
import type { Field, RawMessage, RawOrigin } from "./raw-http.ts";
import { RawClient, startRawOrigin } from "./raw-http.ts";

const REQUESTS = 3_000;
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

interface Passage {
  seen: RawMessage | null;
  got: RawMessage;
}

interface Pair {
  plan: BytesPlan;
  bare: Passage;
  ours: Passage;
}

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
        pairs.push({
          plan,
          bare: await pass(clients.bare, `/api/b-${index}`, { request: clean, answer }),
          ours: await pass(clients.ours, `/api/w-${index}`, { request: asked, answer }),
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

/** Whose every request differs anyway: where it goes, and what the edge alone says. */
const OF_THE_EDGE = /^(?:host|cf-.*|x-forwarded-(?:for|host|proto))$/i;
const OF_THE_DECISION = /^x-pix-/i;
const OUR_COOKIE = /^_canary_cohort=/;

const setsOurs = ({ fields }: RawMessage): boolean =>
  fields.some(([name, value]) => name === "Set-Cookie" && OUR_COOKIE.test(value));

const isOfCaches = (name: string): boolean =>
  name.toLowerCase() === "cache-control" || isForSharedCaches(name.toLowerCase());

/** What of an answer has to be the same. `isDrawn`: it sets our cookie, and is one visitor's. */
function comparable({ fields, body, start }: RawMessage, isDrawn: boolean): unknown {
  const kept = fields.filter(
    ([name, value]) =>
      !OF_THE_DECISION.test(name) &&
      !(name === "Set-Cookie" && OUR_COOKIE.test(value)) &&
      !(isDrawn && isOfCaches(name)),
  );
  return [start, kept, body];
}

function requestOf(message: RawMessage | null): unknown {
  if (message === null) return null;
  const fields = message.fields.filter(([name]) => !OF_THE_EDGE.test(name));
  return [message.start.replace("/api/w-", "/api/b-"), fields, message.body];
}

function differences({ plan, bare: direct, ours }: Pair): string[] {
  const found: string[] = [];
  const compare = (what: string, before: unknown, after: unknown): void => {
    const [left, right] = [JSON.stringify(before), JSON.stringify(after)];
    if (left !== right) found.push(`${what}: ${left} became ${right}`.slice(0, 3_000));
  };
  const isDrawn = setsOurs(ours.got);
  compare("request", requestOf(direct.seen), requestOf(ours.seen));
  compare("answer", comparable(direct.got, isDrawn), comparable(ours.got, isDrawn));
  if (plan.isKnown && isDrawn) found.push("drawn anew, in spite of the cookie");
  return found;
}

function complaints(twin: (passage: Passage) => Passage = (same) => same): string[] {
  return pairs.flatMap((pair) => {
    const found = differences({ ...pair, ours: twin(pair.ours) });
    return found.map((each) => `${each} in ${JSON.stringify(pair.plan.asked.fields)}`);
  });
}

type Change = (fields: Field[]) => Field[];
const seenBy =
  (change: Change) =>
  (passage: Passage): Passage => ({
    ...passage,
    seen: passage.seen && { ...passage.seen, fields: change(passage.seen.fields) },
  });
const gotBy =
  (change: Change) =>
  (passage: Passage): Passage => ({
    ...passage,
    got: { ...passage.got, fields: change(passage.got.fields) },
  });
const startBy =
  (change: (start: string) => string) =>
  (passage: Passage): Passage => ({
    ...passage,
    got: { ...passage.got, start: change(passage.got.start) },
  });
const values =
  (change: (value: string, name: string) => string): Change =>
  (fields) =>
    fields.map(([name, value]) => [name, change(value, name)]);
const ofCookie = (change: (value: string) => string): Change =>
  values((value, name) => (name === "Cookie" ? change(value) : value));

/** As `headers.set(name, headers.get(name))` does. */
const reencoded = (value: string): string =>
  Buffer.from(Buffer.from(value, "latin1").toString("utf8")).toString("latin1");

const joined: Change = (fields) => {
  const byName = new Map<string, string>();
  for (const [name, value] of fields) {
    const before = byName.get(name);
    byName.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return [...byName];
};

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
    expect(line?.error_msg).toMatch(/^no answer of the origin could be read: [^;]+/);
    expect(line?.error_msg).not.toContain("reference");
  });
});
