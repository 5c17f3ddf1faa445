/** What the real Worker never does wrong, a server here does on purpose: each check must notice it. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClock } from "../../../src/adapters/clock.ts";
import { createQaProbe } from "../../../src/adapters/qa-client.ts";
import { Secret } from "../../../src/adapters/secrets.ts";
import { createVisitorHttp } from "../../../src/adapters/visitor-http.ts";
import { runSmoke, type SmokeReport } from "../../../src/commands/smoke/checks.ts";
import { drawsFor } from "../../../src/commands/smoke/cors.ts";
import { smokeJudged } from "../../../src/commands/validate/reasons.ts";
import type { QaDocument } from "../../../src/domain/proof/qa-document.ts";
import { altered } from "../../../src/domain/smoke/upload.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import type { Seen, TestServer } from "../../adapters/server.ts";
import { startServer } from "../../adapters/server.ts";
import { modelPorts } from "../../support/fake-ports.ts";
import { HANG_MS } from "../../support/patience.ts";

const TOKEN = "qa-secret-token-123456";
const ORIGIN = "https://pix.example";
const COOKIE = "_canary_cohort=v1.n; Max-Age=86400; Path=/; HttpOnly; Secure; SameSite=None";
const CONFIG = {
  canary_percent: 10,
  canary_tag: "B2a",
  emergency_proxy: false,
  last_updated: "2025-11-15T10:30:00Z",
  revision: "01JCQ",
};

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string | object;
}

let server: TestServer;
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.close());

/** `sampled` at 50 %: both cohorts can be drawn. */
const decided = (cohort = "native", reason = "cookie") => ({
  "x-pix-canary": `1;tag=B2a;cohort=${cohort};reason=${reason}`,
  "x-pix-decision": `${cohort} (${reason === "sampled" ? "50% sample" : reason})`,
});

/** What a browser needs to let the page read it. */
const readable = (origin: string | undefined): Record<string, string> =>
  origin === ORIGIN
    ? {
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, PUT, POST",
        "access-control-allow-headers": "content-type",
      }
    : {};

/** A perfect API; `spoil` replaces some of its answers. */
function perfect(seen: Seen, uploads: Map<string, string>): Answer {
  const answer = served(seen, uploads);
  if (!seen.url.startsWith("/api/")) return answer;
  return { ...answer, headers: { ...answer.headers, ...readable(seen.headers.origin) } };
}

/** Who asks for native is drawn anew, to proxy: so both cohorts are met at once. */
function served({ method, url, headers, body }: Seen, uploads: Map<string, string>): Answer {
  const [path = "", query = ""] = url.split("?");
  if (path === "/qa") return qa(method, headers);
  if (method === "OPTIONS") return { status: 204, headers: decided("proxy", "default") };
  if (headers.cookie?.endsWith("v1.p") === true) return { status: 404, headers: decided("proxy") };
  if (url === "/api/jobs" && headers["x-canary"] === "1") {
    const cookie = COOKIE.replace("v1.n", "v1.p");
    return { status: 200, headers: { ...decided("proxy", "sampled"), "set-cookie": cookie } };
  }
  if (url === "/api/jobs") {
    return { status: 200, headers: { ...decided("native", "sampled"), "set-cookie": COOKIE } };
  }
  if (path.endsWith("/intent")) {
    const upload_url = "/api/pixcapture/upload/i1?exp=9&sig=good";
    return { status: 201, headers: decided(), body: { intent_id: "i1", upload_url } };
  }
  if (path.endsWith("/finalize"))
    return { status: 201, headers: decided(), body: { job_id: "j1" } };
  if (path === "/api/jobs/j1") {
    const download_url = "/api/pixcapture/download/j1?exp=9&sig=good";
    return { status: 200, headers: decided(), body: { job_id: "j1", download_url } };
  }
  if (!query.includes("sig=good")) return { status: 403, headers: decided() };
  if (method === "PUT") uploads.set("i1", body);
  return method === "PUT"
    ? { status: 204, headers: decided() }
    : { status: 200, headers: decided(), body: uploads.get("i1") ?? "" };
}

function qa(method: string, headers: Seen["headers"]): Answer {
  const allowed = headers.origin === ORIGIN;
  const cors = allowed
    ? {
        "access-control-allow-origin": ORIGIN,
        "access-control-expose-headers": "X-Pix-Canary, X-Pix-Decision",
        "access-control-allow-headers": "Authorization",
      }
    : {};
  const shown = { ...decided("native", "sampled"), ...cors, "set-cookie": COOKIE };
  if (method === "OPTIONS") return { status: 204, headers: shown };
  if (headers.authorization !== `Bearer ${TOKEN}`) return { status: 401, headers: shown };
  return { status: 200, headers: shown, body: DOCUMENT };
}

const DOCUMENT: QaDocument = {
  endpoint: "worker /qa",
  schema: 1,
  timestamp: "2025-11-15T10:30:00Z",
  colo: "FRA",
  worker_version: null,
  canary: {
    sampling_active: true,
    percent: 10,
    tag: "B2a",
    cohort: "native",
    decision_reason: "sampled",
    emergency_proxy: false,
    revision: "01JCQ",
    last_updated: CONFIG.last_updated,
    source: "kv",
    age_ms: 3,
  },
  stop: { active: false, id: null, at: null, by: null, reason: null },
  health: {
    native: { status: "unknown", db_ping_ms: null, r2_accessible: null, problem: null },
    proxy: { status: "unknown", origin_ping_ms: null, reachable: null, problem: null },
  },
  cookie_key_ids: ["k1"],
};

type Spoil = (seen: Seen, answer: Answer) => Answer | undefined;

function serve(spoil: Spoil): void {
  const uploads = new Map<string, string>();
  server.reply((res, seen) => {
    const good = perfect(seen, uploads);
    const { status, headers, body } = spoil(seen, good) ?? good;
    res.writeHead(status, headers);
    res.end(typeof body === "object" ? JSON.stringify(body) : body);
  });
}

async function smoke(spoil: Spoil = () => undefined): Promise<Record<string, string>> {
  const open = (await report(spoil)).checks.filter(({ verdict }) => verdict !== "pass");
  return Object.fromEntries(
    open.map(({ name, verdict, detail }) => [name, `${verdict}: ${detail}`]),
  );
}

async function report(spoil: Spoil): Promise<SmokeReport> {
  serve(spoil);
  const clock = createClock();
  const token = new Secret(TOKEN, "test");
  const qaUrls = [`${server.url}/qa`];
  const model = modelPorts({
    read: async () => ({ config: JSON.stringify(CONFIG), stop: null }),
    writeStop: () => Promise.reject(new Error("writes nothing")),
    writeConfig: () => Promise.reject(new Error("writes nothing")),
  });
  const ports: Ports = {
    ...model,
    clock,
    target: { ...model.target, qaUrls, pagesOrigin: ORIGIN },
    qa: createQaProbe({ urls: qaUrls, token, clock }),
    visitor: createVisitorHttp({ qaUrls, token, clock, requestMs: HANG_MS }),
  };
  return runSmoke(ports, { signal: AbortSignal.timeout(HANG_MS), wantsNative: false });
}

const without = (header: string, { headers, ...rest }: Answer): Answer => ({
  ...rest,
  headers: Object.fromEntries(Object.entries(headers ?? {}).filter(([name]) => name !== header)),
});
const withHeader = (name: string, value: string, { headers, ...rest }: Answer): Answer => ({
  ...rest,
  headers: { ...headers, [name]: value },
});

test("a perfect API passes, its cookie is kept, and the token goes to /qa alone", async () => {
  expect(await smoke()).toEqual({});
  const api = server.seen.filter(
    ({ url, headers }) => url.startsWith("/api/") && headers.origin === undefined,
  );
  const flow = api.filter(({ url }) => url !== "/api/jobs");
  expect(flow.map(({ headers }) => headers.cookie)).toEqual(flow.map(() => "_canary_cohort=v1.n"));
  expect(flow.length).toBeGreaterThan(5);
  expect(api.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
});

test("draws until all but one in a thousand runs meet both cohorts, down to 1 %", () => {
  for (const percent of [1, 2, 5, 50, 95, 99]) {
    const rarer = Math.min(percent, 100 - percent) / 100;
    expect((1 - rarer) ** drawsFor(percent)).toBeLessThanOrEqual(0.001);
  }
  expect(drawsFor(0.01)).toBe(drawsFor(1));
});

describe("a cohort that nobody was drawn to is told, and keeps nobody from going on", () => {
  const neverProxy: Spoil = (seen, good) =>
    seen.headers["x-canary"] === "1"
      ? { ...good, headers: decided("native", "header") }
      : undefined;

  test("when everything else is right", async () => {
    expect(smokeJudged(await report(neverProxy))).toEqual({
      verdict: "pass",
      figures: "5 of 6 checks, served by native",
      details: ["CORS: inconclusive: proxy was not sampled in 10 requests: its CORS is unknown"],
    });
  });

  test.each<[string, Spoil]>([
    [
      "the cohort that was met is not readable",
      (seen, good) =>
        seen.url === "/api/jobs" && seen.method === "GET" && seen.headers.origin === ORIGIN
          ? without("access-control-allow-origin", good)
          : undefined,
    ],
    [
      "a preflight is refused",
      (seen, good) =>
        seen.method === "OPTIONS" && seen.url === "/api/jobs"
          ? { ...good, status: 403 }
          : undefined,
    ],
    [
      "uploads fail",
      (seen, good) => (seen.method === "PUT" ? { ...good, status: 500 } : undefined),
    ],
  ])("but not when %s", async (_, spoil) => {
    const judged = smokeJudged(
      await report((seen, good) => spoil(seen, good) ?? neverProxy(seen, good)),
    );
    expect(judged.verdict).toBe("fail");
  });
});

describe("noticed", () => {
  const api = ({ url, headers }: Seen, cookie: string) =>
    url.startsWith("/api/") && headers.cookie?.endsWith(cookie) === true;
  const isOrigins = ({ method, url, headers }: Seen) =>
    method === "OPTIONS" &&
    url === "/api/pixcapture/upload/none/none" &&
    headers["access-control-request-method"] === "PUT";
  const other = { native: "proxy", proxy: "native" } as const;
  const download = (seen: Seen) => seen.method === "GET" && seen.url.includes("/download/");
  type Row = [string, Spoil, Record<string, RegExp>];
  const rows: Row[] = [
    [
      "/qa is open to everybody",
      (seen, good) =>
        seen.url === "/qa" && good.status === 401 ? { ...good, status: 200 } : undefined,
      { credentials: /without a token answered HTTP 200/ },
    ],
    [
      "the refusal hides the decision",
      (_, good) => (good.status === 401 ? without("x-pix-decision", good) : undefined),
      { credentials: /does not show the decision/ },
    ],
    [
      "a script can read the cookie",
      (_, good) =>
        good.status === 401
          ? withHeader("set-cookie", COOKIE.replace(" HttpOnly;", ""), good)
          : undefined,
      { credentials: /lacks HttpOnly/ },
    ],
    [
      "a new visitor gets no cookie",
      (_, good) => (good.status === 401 ? without("set-cookie", good) : undefined),
      { credentials: /got no _canary_cohort/ },
    ],
    [
      "rate limited by /qa",
      (_, good) => (good.status === 401 ? { ...good, status: 429 } : undefined),
      { credentials: /inconclusive/ },
    ],
    [
      "any origin is allowed",
      (seen, good) =>
        seen.url === "/qa" ? withHeader("access-control-allow-origin", "*", good) : undefined,
      { CORS: /allows any origin/ },
    ],
    [
      "native's answers lack CORS",
      (seen, good) =>
        api(seen, "v1.n") ? without("access-control-allow-origin", good) : undefined,
      {
        CORS: /native: GET \/api\/\S+ does not allow https:\/\/pix.example: check ALLOWED_ORIGINS/,
      },
    ],
    [
      "proxy's answers lack CORS",
      (seen, good) =>
        api(seen, "v1.p") ? without("access-control-allow-origin", good) : undefined,
      { CORS: /proxy: GET .* check the legacy origin's CORS/ },
    ],
    [
      "native's answers may not be read with cookies",
      (seen, good) =>
        api(seen, "v1.n") ? without("access-control-allow-credentials", good) : undefined,
      { CORS: /native: GET \/api\/\S+ allows no cookies/ },
    ],
    [
      "proxy allows everybody at once",
      (seen, good) =>
        api(seen, "v1.p") ? withHeader("access-control-allow-origin", "*", good) : undefined,
      { CORS: /proxy: .* does not allow/ },
    ],
    [
      "the API lets any page read with cookies",
      (seen, good) =>
        seen.url === "/api/jobs" && seen.headers.origin !== undefined
          ? withHeader("access-control-allow-origin", seen.headers.origin, good)
          : undefined,
      { CORS: /OPTIONS \/api\/jobs allows any origin/ },
    ],
    [
      "the preflight of an upload lacks CORS",
      (seen, good) =>
        seen.method === "OPTIONS" && seen.url.includes("/upload/")
          ? without("access-control-allow-origin", good)
          : undefined,
      { CORS: /the preflight of POST .*intent does not allow/ },
    ],
    [
      "the preflight of an upload forgets PUT",
      (seen, good) =>
        seen.method === "OPTIONS"
          ? withHeader("access-control-allow-methods", "GET", good)
          : undefined,
      { CORS: /does not allow PUT/ },
    ],
    [
      "the legacy origin refuses preflights",
      (seen, good) => (isOrigins(seen) ? { ...good, status: 403 } : undefined),
      {
        CORS: /of PUT \/api\/pixcapture\/upload\/none\/none answered HTTP 403: after a stop, browsers' preflights go to the legacy origin, which refuses them/,
      },
    ],
    ...(["origin", "credentials", "methods", "headers"] as const).map(
      (part): Row => [
        `the legacy origin's preflights lack Access-Control-Allow-${part}`,
        (seen, good) =>
          isOrigins(seen) ? without(`access-control-allow-${part}`, good) : undefined,
        { CORS: /none\/none (does not allow|allows no cookies).*: after a stop/ },
      ],
    ),
    [
      "the legacy origin has no such route, and CORS by the route",
      (seen, good) => (isOrigins(seen) ? { ...good, status: 404 } : undefined),
      {
        CORS: /HTTP 404: after a stop, browsers' preflights go to the legacy origin; whether it allows them is unknown/,
      },
    ],
    [
      "the legacy origin answers all preflights during an emergency, and refuses them",
      (seen, good) =>
        seen.method === "OPTIONS" && seen.url.startsWith("/api/")
          ? { status: 403, headers: { ...good.headers, ...decided("proxy", "emergency") } }
          : undefined,
      { CORS: /of GET \/api\/jobs answered HTTP 403: after a stop, .* legacy origin/ },
    ],
    [
      "the edge refuses preflights",
      (seen, good) =>
        seen.method === "OPTIONS" && seen.url === "/api/jobs"
          ? { ...good, status: 403 }
          : undefined,
      { CORS: /of GET \/api\/jobs answered HTTP 403: check ALLOWED_ORIGINS of the Worker/ },
    ],
    ...(["proxy", "native"] as const).map(
      (cohort): Row => [
        `whoever was met at ${cohort} is moved before anything is judged`,
        (seen, good) =>
          api(seen, `v1.${cohort[0]}`) && seen.headers.origin !== undefined
            ? { ...good, headers: { ...good.headers, ...decided(other[cohort]) } }
            : undefined,
        { CORS: new RegExp(`inconclusive: the other cohort answered for ${cohort}`) },
      ],
    ),
    [
      "native falls back whenever it is judged",
      (seen, good) =>
        api(seen, "v1.n") && seen.headers.origin !== undefined
          ? withHeader("x-pix-decision", "native (cookie; fell back to proxy)", good)
          : undefined,
      { CORS: /inconclusive: the other cohort answered for native/ },
    ],
    [
      "proxy is never drawn, though it should be",
      (seen, good) =>
        seen.headers["x-canary"] === "1"
          ? { ...good, headers: decided("native", "header") }
          : undefined,
      { CORS: /inconclusive: proxy was not sampled/ },
    ],
    [
      "the preflight forgets the Authorization header",
      (seen, good) =>
        seen.method === "OPTIONS" ? without("access-control-allow-headers", good) : undefined,
      { CORS: /Authorization/ },
    ],
    [
      "the page cannot read the decision",
      (_, good) => without("access-control-expose-headers", good),
      { CORS: /X-Pix-Canary/ },
    ],
    [
      "signatures of uploads are not checked",
      (seen) => (seen.method === "PUT" ? { status: 204, headers: decided() } : undefined),
      { "signed URLs": /an altered signature: HTTP 204/, downloads: /no_data/ },
    ],
    [
      "signatures of downloads are not checked",
      (seen, good) =>
        download(seen) && good.status === 403 ? { ...good, status: 200 } : undefined,
      { downloads: /an altered signature: HTTP 200/ },
    ],
    [
      "other bytes come back",
      (seen, good) =>
        download(seen) && good.status === 200 ? { ...good, body: "something else" } : undefined,
      { downloads: /differ from the uploaded ones/ },
    ],
    [
      "the visitor is moved on the way",
      (seen, good) =>
        seen.method === "POST" && seen.url.endsWith("/finalize")
          ? { ...good, status: 404, headers: decided("proxy") }
          : undefined,
      { downloads: /inconclusive: .*changed from native to proxy/ },
    ],
    [
      "native fails and proxy answers",
      (seen, good) =>
        seen.url.endsWith("/intent")
          ? withHeader("x-pix-decision", "native (cookie; fell back to proxy)", good)
          : undefined,
      { "signed URLs": /native failed/, downloads: /no_data/ },
    ],
    [
      "the API redirects",
      (seen) =>
        seen.url === "/api/jobs" ? { status: 302, headers: { location: "/" } } : undefined,
      { "API URL": /HTTP 302/, CORS: /HTTP 302/, "signed URLs": /no_data/, downloads: /no_data/ },
    ],
  ];
  test.each(rows)("%s", async (_, spoil, expected) => {
    const found = await smoke(spoil);
    expect(Object.keys(found)).toEqual(Object.keys(expected));
    for (const [name, says] of Object.entries(expected)) expect(found[name]).toMatch(says);
  });

  test("an answer that never ends", async () => {
    const found = await smoke((seen) =>
      seen.url === "/api/jobs"
        ? { status: 200, headers: decided(), body: "x".repeat(2e6) }
        : undefined,
    );
    expect(found["API URL"]).toMatch(/no answer: the answer is too long/);
  });
});

test.each([
  ["/u/abc?exp=1&sig=abc", "/u/abc?exp=1&sig=bbc"],
  ["/u/abc?X-Amz-Signature=Abc", "/u/abc?X-Amz-Signature=bbc"],
  ["/u/0bc?backend=legacy", "/u/abc?backend=legacy"],
  ["https://r2.example/u?sig=0", "https://r2.example/u?sig=a"],
])("an altered address: %s", (address, expected) => {
  expect(altered(address).address).toBe(expected);
});

test("an address elsewhere gets neither cookie nor override", async () => {
  const elsewhere = await startServer();
  elsewhere.reply((res) => void res.writeHead(403).end());
  try {
    await smoke((seen, good) =>
      seen.url.endsWith("/intent")
        ? { ...good, body: { intent_id: "i1", upload_url: `${elsewhere.url}/put?sig=abc` } }
        : undefined,
    );
    expect(elsewhere.seen.length).toBeGreaterThan(0);
    for (const { headers } of elsewhere.seen) {
      expect(headers.cookie).toBeUndefined();
      expect(headers.authorization).toBeUndefined();
    }
  } finally {
    await elsewhere.close();
  }
});
