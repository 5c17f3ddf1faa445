/** What browsers and the caches on their way make of the answers: CORS, and answers with our cookie. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { WorkerUnderTest } from "./harness.ts";
import { session, startWorker } from "./harness.ts";

const PAGE = "https://app.pix.immo";
const STRANGERS = [
  "https://evil.example",
  "null",
  "https://app.pix.immo.evil.example",
  "HTTPS://APP.PIX.IMMO",
];
const NATIVE = { "x-canary": "1", cookie: session("anna") };

let worker: WorkerUnderTest;
let broken = {};
beforeAll(async () => {
  worker = await startWorker({
    database: true,
    config: { canary_percent: 50 },
    chaos: () => broken,
  });
});
beforeEach(async () => {
  broken = {};
  worker.origin.answerWith(null);
  worker.origin.requests.length = 0;
  await worker.putState({ canary_percent: 50 });
});
afterAll(() => worker.dispose());

function corsOf(headers: { get(name: string): string | null }): Record<string, string | null> {
  return {
    origin: headers.get("access-control-allow-origin"),
    credentials: headers.get("access-control-allow-credentials"),
  };
}

const ALLOWED = { origin: PAGE, credentials: "true" };
const NOTHING = { origin: null, credentials: null };

const UPLOAD = "/api/pixcapture/upload";
const routes: [string, string, string, number][] = [
  ["the list of jobs", "GET", "/api/jobs", 200],
  ["its HEAD", "HEAD", "/api/jobs", 200],
  ["an intent without fields", "POST", `${UPLOAD}/intent`, 400],
  ["an upload with a bad signature", "PUT", `${UPLOAD}/x?sig=y`, 403],
  ["an intent that is unknown", "POST", `${UPLOAD}/finalize`, 400],
  ["a download with a bad signature", "GET", "/api/pixcapture/download/x?sig=y", 403],
  ["a job that is unknown", "GET", "/api/jobs/x", 404],
];

describe("native answers, read by a page of another origin", () => {
  test.each(routes)("%s: the listed page may read it, nobody else", async (_, method, path) => {
    const ask = async (origin: string | null) => {
      const headers = { ...NATIVE, ...(origin === null ? {} : { origin }) };
      const body = method === "POST" || method === "PUT" ? "{}" : null;
      const answer = await worker.fetch(path, { method, headers, body });
      expect(answer.headers.get("x-pix-decision")).toBe("native (header)");
      expect(answer.headers.get("vary")).toContain("Origin");
      return answer.headers;
    };
    const headers = await ask(PAGE);
    expect(corsOf(headers)).toEqual(ALLOWED);
    expect(headers.get("access-control-expose-headers")).toContain("X-Pix-Canary");
    expect(headers.get("access-control-expose-headers")).toContain("Content-Range");
    for (const stranger of [null, ...STRANGERS])
      expect(corsOf(await ask(stranger))).toEqual(NOTHING);
    expect(worker.origin.requests).toEqual([]);
  });

  test("what native says when it fails after the body was read", async () => {
    broken = { fail: true, fail_after: true };
    const headers = { ...NATIVE, origin: PAGE };
    const answer = await worker.fetch(`${UPLOAD}/intent`, { method: "POST", headers, body: "{}" });
    expect(answer.status).toBe(502);
    expect(corsOf(answer.headers)).toEqual(ALLOWED);
  });

  test("what the edge says when native and the origin have failed", async () => {
    broken = { fail: true };
    worker.origin.answerWith((request) => void request.socket.destroy());
    const answer = await worker.fetch("/api/jobs", { headers: { ...NATIVE, origin: PAGE } });
    expect(answer.status).toBe(502);
    expect(corsOf(answer.headers)).toEqual(ALLOWED);
    expect(answer.headers.get("vary")).toContain("Origin");
  });

  test("when the origin answers, for native or by itself, its own CORS stands alone", async () => {
    worker.origin.answerWith((_request, response) => {
      response.setHeader("access-control-allow-origin", "https://of-the-origin.example");
      response.end();
    });
    const own = { origin: "https://of-the-origin.example", credentials: null };
    const cookie = await worker.cookie("proxy");
    const proxied = await worker.fetch("/api/jobs", { headers: { cookie, origin: PAGE } });
    expect(corsOf(proxied.headers)).toEqual(own);
    broken = { fail: true };
    const fallback = await worker.fetch("/api/jobs", { headers: { ...NATIVE, origin: PAGE } });
    expect(fallback.headers.get("x-pix-decision")).toContain("fell back");
    expect(corsOf(fallback.headers)).toEqual(own);
  });
});

describe("preflights", () => {
  const preflight = (path: string, method: string, origin: string, more = {}) =>
    worker.fetch(path, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": method,
        "access-control-request-headers": "content-type,x-canary",
        ...more,
      },
    });

  test.each(routes.filter(([, method]) => method !== "HEAD"))(
    "of %s: one answer for both cohorts, and no draw",
    async (_, method, path) => {
      for (const cookie of ["", await worker.cookie("native"), await worker.cookie("proxy")]) {
        const answer = await preflight(path, method, PAGE, { cookie });
        expect(answer.status).toBe(204);
        expect(corsOf(answer.headers)).toEqual(ALLOWED);
        expect(answer.headers.get("access-control-allow-methods")).toContain(method);
        expect(answer.headers.get("access-control-allow-headers")).toBe("content-type,x-canary");
        expect(answer.headers.get("access-control-max-age")).toBe("600");
        expect(answer.headers.get("vary")).toContain("Origin");
        expect(answer.headers.getSetCookie()).toEqual([]);
        expect(answer.headers.get("x-pix-decision")).toBe("proxy (default)");
      }
      expect(worker.origin.requests).toEqual([]);
    },
  );

  test.each([
    ["of a stranger", "/api/jobs", "GET", "https://evil.example"],
    ["of a route that native does not serve", "/api/listings", "GET", PAGE],
    ["of a method that native does not serve", "/api/jobs/x", "DELETE", PAGE],
  ])("%s is the origin's to answer, and draws nobody", async (_, path, method, origin) => {
    const answer = await preflight(path, method, origin);
    expect(corsOf(answer.headers)).toEqual(NOTHING);
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(worker.origin.requests.map(({ method: asked }) => asked)).toEqual(["OPTIONS"]);
  });

  test("under an emergency they are the origin's, as without the edge", async () => {
    await worker.putState({ emergency_proxy: true, last_updated: new Date().toISOString() });
    await preflight("/api/jobs", "GET", PAGE);
    expect(worker.origin.requests).toHaveLength(1);
    await worker.putState({ last_updated: new Date(Date.now() + 1_000).toISOString() });
  });
});

describe("an answer that sets our cookie is no shared cache's", () => {
  type Sent = Record<string, string | string[]>;
  const rows: [string, Sent, string | null][] = [
    ["public", { "cache-control": "public, max-age=60" }, "private, max-age=60"],
    ["s-maxage", { "cache-control": "s-maxage=60" }, "private"],
    ["immutable", { "cache-control": "max-age=9, immutable" }, "private, max-age=9, immutable"],
    ["Expires alone", { expires: "Wed, 01 Oct 2036 10:00:00 GMT" }, "private"],
    ["nothing", {}, "private"],
    ["two fields", { "cache-control": ["public", "max-age=5"] }, "private, max-age=5"],
    ["no-store", { "cache-control": "no-store" }, "no-store"],
    [
      "CDN-Cache-Control",
      { "cdn-cache-control": "max-age=9", "cache-control": "private" },
      "private",
    ],
    ["Surrogate-Control", { "surrogate-control": "max-age=9" }, "private"],
    ["a cookie of its own", { "cache-control": "public", "set-cookie": "a=1" }, "private"],
  ];
  const answers = rows.flatMap(([name, sent, expected]) =>
    [200, 304, 404].flatMap((status) =>
      ["GET", "HEAD"].map((method) => ({ name, sent, expected, status, method })),
    ),
  );

  test.each(answers)("$method, $status, $name", async ({ sent, expected, status, method }) => {
    worker.origin.answerWith((_request, response) => {
      response.writeHead(status, { etag: '"x"', ...sent }).end();
    });
    // Nobody is native here, so that each is drawn to the origin.
    const path = "/api/listings";
    const first = await worker.fetch(path, { method });
    const cookies = first.headers.getSetCookie();
    const ours = cookies.filter((cookie) => cookie.startsWith("_canary_cohort="));
    expect(ours).toHaveLength(1);
    expect(cookies).toHaveLength(sent["set-cookie"] === undefined ? 1 : 2);
    expect(first.headers.get("cache-control")).toBe(expected);
    for (const name of ["cdn-cache-control", "surrogate-control"]) {
      expect(first.headers.has(name)).toBe(false);
    }
    expect(first.headers.get("expires")).toBe(sent.expires ?? null);
    expect([first.status, first.headers.get("etag")]).toEqual([status, '"x"']);

    const cookie = ours[0]?.split(";", 1)[0] ?? "";
    const next = await worker.fetch(path, { method, headers: { cookie } });
    for (const [name, value] of Object.entries(sent)) {
      expect(next.headers.get(name)).toBe([value].flat().join(", "));
    }
    expect(next.headers.has("cache-control")).toBe("cache-control" in sent);
  });
});
