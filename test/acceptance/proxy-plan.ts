/** AT-29: generated requests, and what the origin is to answer to them. */
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import fc from "fast-check";
import { DROPPED } from "../../src/domain/proxy/dropped-headers.ts";
import { LOCATION_HEADERS, SET_BY_EDGE } from "../../src/domain/proxy/origin-headers.ts";
import { CLAIMED } from "./proxy-differences.ts";

export interface RequestPlan {
  method: string;
  /** After `/api/<id>`, with the query. */
  rest: string;
  headers: [string, string][];
  body: Buffer | null;
  /** How the body is framed; chunks of this size, or `Content-Length`. */
  chunkBytes: number | null;
  trailers: boolean;
}

/**
 * Without trailers: workerd's own HTTP client cannot read them and gives the connection up, a bound of
 * the test stage that no Worker can lift.
 */
export interface AnswerPlan {
  /** `entity`: as a web server does it, with ETag, ranges and conditions. */
  kind: "plain" | "entity";
  status: number;
  headers: [string, string][];
  body: Buffer;
  chunked: boolean;
}

export interface Plan {
  request: RequestPlan;
  answer: AnswerPlan;
}

export const ETAG = '"v1-of-the-entity"';
export const LAST_MODIFIED = "Wed, 01 Oct 2025 10:00:00 GMT";

const KIB = 1_024;

/** Every byte value, and more than one buffer full; repeatable by its two numbers. */
function bytes(length: number, salt: number): Buffer {
  const buffer = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) buffer[at] = (at * 31 + (at >> 8) * 7 + salt) & 0xff;
  return buffer;
}

const size = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom(0, 1, 100, 4_095, 4_096, 65_535, 70_000) },
  { weight: 10, arbitrary: fc.nat(5_000) },
  { weight: 1, arbitrary: fc.constantFrom(512 * KIB, 2_048 * KIB, 4_096 * KIB) },
);
const blob = fc.tuple(size, fc.nat(255)).map(([length, salt]) => bytes(length, salt));

/** Characters that a URL may hold as they are; `.` segments are normalised by every URL parser. */
const segment = fc.oneof(
  fc.constantFrom("a", "B-2", "x~y", "a.b", "..a", "a%2Fb", "%41", "%e4%b8%ad", "%", "%zz", "%2"),
  fc.constantFrom(
    "a%20b",
    "a+b",
    "a,b;c=d",
    "@x:y",
    "!$&'()*",
    "%00",
    "%0d%0a",
    "%5C",
    "%2e%2e%2f",
  ),
);
const query = fc.oneof(
  fc.constantFrom("", "?", "?a=1&a=2&b", "?q=%zz&r=%", "?x=[1]+2", "??a=?/", "?a=b%20c&d=%E4"),
  fc.constantFrom("?next=https://x.example/a?b=c", "?=&&=", "?a;b;c", "?%5B%5D=%2B", "?a=|b|"),
);
const rest = fc
  .tuple(fc.array(segment, { maxLength: 4 }), fc.constantFrom("", "/", "//"), query)
  .map(([segments, end, asked]) => segments.map((each) => `/${each}`).join("") + end + asked);

const ordinary = fc.constantFrom<[string, string]>(
  ["Accept", "text/html, */*;q=0.1"],
  ["accept-encoding", "br, gzip"],
  ["Accept-Encoding", "identity"],
  ["User-Agent", "Mozilla/5.0 (test)"],
  ["X-Twice", "one"],
  ["X-Twice", "two, three"],
  ["x-twice", ""],
  ["Authorization", "Bearer abc.def"],
  ["Origin", "https://app.pix.immo"],
  ["Referer", "https://app.pix.immo/a?b=c"],
  ["Content-Type", "application/json; charset=utf-8"],
  ["Content-Encoding", "gzip"],
  ["Cache-Control", "no-cache"],
  ["Pragma", "no-cache"],
  ["X-Long", "l".repeat(4_000)],
  ["X-Spaces", "a  b\tc"],
  ["Idempotency-Key", '"k,1"'],
  ["Via", "1.1 elsewhere"],
  ["Max-Forwards", "3"],
  ["Accept-Language", "de-CH, de;q=0.9"],
);
const special = fc.constantFrom<[string, string]>(
  ["Range", "bytes=0-9"],
  ["Range", "bytes=5-"],
  ["Range", "bytes=-3"],
  ["Range", "bytes=999999999-"],
  ["Range", "lines=1-2"],
  ["If-Range", ETAG],
  ["If-Range", '"another"'],
  ["If-None-Match", ETAG],
  ["If-None-Match", `"x", W/${ETAG}`],
  ["If-Modified-Since", LAST_MODIFIED],
  ["If-Match", ETAG],
);
/** A name for each pattern of the table, as it stands there and as careless servers read it. */
const claims: [string, string][] = [
  ...DROPPED.flatMap(({ names }) => names),
  ...SET_BY_EDGE,
  ...Object.keys(LOCATION_HEADERS),
  "cf-visitor",
]
  .map((name) => name.replace(/^\*/, "x-any").replace(/\*$/, "-any").replace("--", "-"))
  // A body's framing is Node's own.
  .filter((name) => name !== "transfer-encoding" && name !== "trailer")
  .flatMap((name) => [name, name.replaceAll("-", "_")])
  .map((name) => [name, CLAIMED]);
const claim = fc.constantFrom(...claims);
const aside = fc.constantFrom<[string, string]>(
  ["X-Forwarded-For", "7.7.7.7, 8.8.8.8"],
  ["X-Forwarded-Host", "evil.example"],
  ["X-Forwarded-Proto", "gopher"],
  ["TE", "trailers, deflate"],
  ["X-Canary", "1"],
  ["X-Canary-Tag", "B9"],
  ["Expect", "100-continue"],
  ["Connection", "close, X-Listed, X-Long"],
  ["Connection", "close, CF-Connecting-IP"],
  ["X-Listed", "hop"],
  ["Connection", "keep-alive"],
);
const stripped = fc.oneof(claim, aside);
const cookie = fc.constantFrom<[string, string]>(
  ["Cookie", "a=1; b=2"],
  ["Cookie", "_canary_cohort=native"],
  ["Cookie", "a=1; _canary_cohort=v1.n.B2a.1.k1.x; b=%20; c="],
  ["Cookie", "x_canary_cohort=kept; _canary_cohortx=kept"],
);

/** Node allows these once. */
const SINGLE = new Set([
  "content-type",
  "user-agent",
  "authorization",
  "expect",
  "range",
  "if-range",
]);
const ONCE = new Set([
  ...SINGLE,
  "referer",
  "max-forwards",
  "connection",
  "if-modified-since",
  "cookie",
  // Node reads 16 KiB of headers and no more.
  "x-long",
]);

function onceEach(headers: [string, string][]): [string, string][] {
  const seen = new Set<string>();
  return headers.filter(([name]) => {
    const lower = name.toLowerCase();
    if (ONCE.has(lower) && seen.has(lower)) return false;
    seen.add(lower);
    return true;
  });
}

const requestHeaders = fc
  .tuple(
    fc.array(ordinary, { maxLength: 6 }),
    fc.array(special, { maxLength: 2 }),
    fc.array(stripped, { maxLength: 3 }),
    fc.array(cookie, { maxLength: 1 }),
  )
  .map((groups) => onceEach(groups.flat()));

const METHODS = ["GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const request: fc.Arbitrary<RequestPlan> = fc
  .record({
    method: fc.constantFrom(...METHODS),
    rest,
    headers: requestHeaders,
    body: fc.option(blob, { nil: null, freq: 4 }),
    chunkBytes: fc.option(fc.constantFrom(1_000, 16_384, 65_536), { nil: null }),
    trailers: fc.boolean(),
  })
  .map((plan) => {
    const mayCarry = plan.method !== "HEAD" && plan.method !== "OPTIONS";
    const body = mayCarry && (plan.method !== "GET" || plan.trailers) ? plan.body : null;
    const expects = plan.headers.filter(([name]) => name !== "Expect" || body !== null);
    return { ...plan, body, headers: expects, trailers: plan.trailers && plan.chunkBytes !== null };
  });

const answerHeader = fc.constantFrom<[string, string]>(
  ["Content-Type", "text/html; charset=iso-8859-1"],
  ["Set-Cookie", "a=1; Path=/; HttpOnly"],
  ["Set-Cookie", "b=2, c=3; Expires=Wed, 01 Oct 2025 10:00:00 GMT"],
  ["set-cookie", "a=4"],
  ["Set-Cookie", ""],
  ["Vary", "Accept"],
  ["Vary", "Origin"],
  ["Cache-Control", "public, max-age=60"],
  ["Cache-Control", "s-maxage=60"],
  ["CDN-Cache-Control", "max-age=60"],
  ["Expires", "Wed, 01 Oct 2036 10:00:00 GMT"],
  ["Location", "https://elsewhere.example/a%20b?c=d#e"],
  ["Location", "/relative"],
  ["Link", "</a.css>; rel=preload, </b.js>; rel=preload"],
  ["WWW-Authenticate", 'Basic realm="a"'],
  ["WWW-Authenticate", 'Bearer error="b"'],
  ["Retry-After", "30"],
  ["X-Empty", ""],
  ["Strict-Transport-Security", "max-age=1"],
  ["Server", "legacy/1.0"],
  ["Age", "5"],
  ["X-Long", "l".repeat(6_000)],
  ["Access-Control-Allow-Origin", "https://app.pix.immo"],
  ["Content-Disposition", "attachment; filename*=UTF-8''k%C3%BCche.jpg"],
  ["Date", "Wed, 01 Oct 2025 10:00:00 GMT"],
);
const STATUSES = [200, 200, 200, 201, 202, 203, 204, 205, 207, 300, 301, 302, 303, 307, 308];
const FAILURES = [
  400, 401, 403, 404, 405, 409, 410, 413, 418, 422, 429, 451, 500, 502, 503, 504, 599,
];

type Packing = "plain" | "gzip" | "br" | "broken gzip";

/** Any encoding of the bytes will do. */
const QUICKLY = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

function packed(body: Buffer, packing: Packing): { body: Buffer; headers: [string, string][] } {
  if (packing === "plain") return { body, headers: [] };
  const encoding = packing === "br" ? "br" : "gzip";
  const compressed =
    packing === "br" ? brotliCompressSync(body, QUICKLY) : gzipSync(body, { level: 1 });
  // Not ours to notice: the client may ask for the rest with a range.
  const kept = packing === "broken gzip" ? compressed.subarray(0, -4) : compressed;
  return { body: kept, headers: [["Content-Encoding", encoding]] };
}

const answer: fc.Arbitrary<AnswerPlan> = fc
  .record({
    kind: fc.constantFrom("plain" as const, "plain" as const, "entity" as const),
    status: fc.constantFrom(...STATUSES, ...FAILURES),
    headers: fc.array(answerHeader, { maxLength: 6 }),
    content: blob,
    packing: fc.constantFrom<Packing>("plain", "plain", "gzip", "br", "broken gzip"),
    chunked: fc.boolean(),
  })
  .map(({ content, packing, headers, ...plan }) => {
    const { body, headers: more } = packed(content, packing);
    const all = onceEachAnswer([...headers, ...more]);
    const bodiless = plan.status === 204 || plan.status === 205;
    return { ...plan, headers: all, body: bodiless ? Buffer.alloc(0) : body };
  });

const ANSWER_ONCE = new Set([
  "x-long",
  "content-type",
  "location",
  "retry-after",
  "age",
  "date",
  "server",
]);

function onceEachAnswer(headers: [string, string][]): [string, string][] {
  const seen = new Set<string>();
  return headers.filter(([name]) => {
    const lower = name.toLowerCase();
    if (ANSWER_ONCE.has(lower) && seen.has(lower)) return false;
    seen.add(lower);
    return true;
  });
}

export const plan: fc.Arbitrary<Plan> = fc.record({ request, answer });
