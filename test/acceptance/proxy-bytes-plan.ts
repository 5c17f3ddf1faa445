/** AT-29: requests and answers with every odd byte and shape that HTTP allows in a header. */
import fc from "fast-check";
import { isWritable } from "../../src/domain/proxy/header-text.ts";
import type { Field, RawMessage } from "./raw-http.ts";
import { decoded } from "./raw-http.ts";

export interface BytesPlan {
  /** To the Worker; `{target}` stands for the target. */
  asked: RawMessage;
  /** To the bare proxy: without our cookie, where that can be taken out. */
  clean: RawMessage;
  /** One of the first four cookies of ours is valid. */
  isKnown: boolean;
  answer: RawMessage;
}

/** One character is one byte: Latin-1, UTF-8, neither, byte order marks, odd blanks. */
const VALUES = [
  "",
  "plain",
  "caf\xe9",
  "caf\xc3\xa9",
  "\xff\xfe\x80",
  "\xef\xbb\xbfmark",
  "\xc2\xa0blank\xc2\xa0",
  "\xed\xa0\x80",
  "\xc0\xaf",
  "\xef\xbf\xbd",
  "\xf0\x9f\x98\x80",
  "two  blanks\tand a tab",
  "a, b",
  '"c, d"',
  "=;=; e",
  "\x01\x7f",
  "Stra\xdfe, M\xc3\xbcnchen",
];
const value = fc.constantFrom(...VALUES);
const field = (...names: string[]): fc.Arbitrary<Field> =>
  fc.tuple(fc.constantFrom(...names), value);

const repeated = field(
  "X-Own",
  "x-own",
  "X-Twice",
  "x-twice",
  "X_Own",
  "Accept",
  "Accept-Language",
);
const single = fc
  .subarray(["User-Agent", "Referer", "Authorization", "If-None-Match", "Content-Type"])
  .chain((names) => fc.tuple(...names.map((name) => field(name))));

const OTHERS = [
  "a=1",
  "a=1",
  "b=caf\xe9",
  "c=caf\xc3\xa9",
  'd="x, y"',
  "e=f=g==",
  "=nameless",
  "alone",
  "h=",
  "i j=k  l",
  "_canary_cohortx=1",
  "x_canary_cohort=2",
  "_canary_cohort",
  'm="1, _canary_cohort=kept, 2"',
  "n=x,_canary_cohort=kept",
  "o=p, q",
  "r=\xef\xbb\xbf",
  "\xc2\xa0s=\xc2\xa0",
  "t=\xef\xbf\xbd",
  "u=%3B%2C%e9",
  'v={"w":[1, 2]}',
];
const SIGNED = "{signed}";
const OURS = [
  SIGNED,
  SIGNED,
  SIGNED,
  "_canary_cohort=native",
  "_canary_cohort=",
  "_canary_cohort = x",
];

interface Pair {
  text: string;
  isOurs: boolean;
  separator: string;
}

const separator = fc.constantFrom("; ", "; ", ";");
const pair: fc.Arbitrary<Pair> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      text: fc.constantFrom(...OTHERS),
      isOurs: fc.constant(false),
      separator,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ text: fc.constantFrom(...OURS), isOurs: fc.constant(true), separator }),
  },
);
const cookieLines = fc.array(fc.array(pair, { minLength: 1, maxLength: 4 }), { maxLength: 3 });

const lineOf = (pairs: readonly Pair[]): string =>
  pairs.map(({ text, separator }, at) => (at === 0 ? text : separator + text)).join("");

/** What the origin is to get: the lines without our cookie; as they came where that cannot be written. */
function cleanLines(lines: readonly Pair[][]): string[] {
  const others = lines.map((pairs) => pairs.filter(({ isOurs }) => !isOurs));
  const clean = others.filter((pairs) => pairs.length > 0).map(lineOf);
  return isWritable(decoded(clean.join(", "))) ? clean : lines.map(lineOf);
}

function isKnown(lines: readonly Pair[][]): boolean {
  const ours = lines.flat().filter(({ isOurs }) => isOurs);
  return ours.slice(0, 4).some(({ text }) => text === SIGNED);
}

const METHODS = ["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE"];

const asked = fc
  .record({
    method: fc.constantFrom(...METHODS),
    fields: fc.array(repeated, { maxLength: 4 }),
    single,
    lines: cookieLines,
    body: fc.constantFrom("", "abc", "\x00\xff\xe9"),
    query: fc.constantFrom("", "?a=caf\xc3\xa9", "?a=caf\xe9;b=%e9"),
  })
  .map(({ query, method, fields, single: once, lines, body }) => {
    const carries = method === "POST" || method === "PUT";
    const framing: Field[] = carries ? [["Content-Length", String(body.length)]] : [];
    const withCookies = (cookies: readonly string[]): RawMessage => ({
      start: `${method} {target}${query} HTTP/1.1`,
      fields: [
        ["Host", "pix.immo"],
        ...fields,
        ...cookies.map((line): Field => ["Cookie", line]),
        ...once,
        ...framing,
      ],
      body: carries ? body : "",
    });
    return {
      method,
      asked: withCookies(lines.map(lineOf)),
      clean: withCookies(cleanLines(lines)),
      isKnown: isKnown(lines),
    };
  });

const answerFields = fc.array(
  fc.oneof(
    field("X-Own", "x-own", "X-Twice", "Link", "Vary", "WWW-Authenticate", "Content-Language"),
    fc.tuple(
      fc.constant("Set-Cookie"),
      fc.constantFrom(...OTHERS.map((each) => `${each}; Path=/`), ""),
    ),
    fc.tuple(
      fc.constantFrom("Cache-Control", "CDN-Cache-Control"),
      fc.constantFrom("no-store", "private, x=\xe9", "public, max-age=60", "max-age=5, x=\xe9"),
    ),
  ),
  { maxLength: 7 },
);
const answerOnce = fc
  .subarray(["Location", "ETag", "Server", "Content-Type", "Content-Disposition", "Date"])
  .chain((names) => fc.tuple(...names.map((name) => field(name))));

/** Interim answers aside, whatever three digits can say. */
const status = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(200, 204, 205, 206, 302, 304, 404, 500, 503) },
  { weight: 2, arbitrary: fc.integer({ min: 200, max: 999 }) },
);
const reason = fc.constantFrom(
  "OK",
  "",
  "Gar nicht schlecht",
  "caf\xe9",
  "caf\xc3\xa9",
  "\xff",
  "a  b",
);

const answer = fc
  .record({
    status,
    reason,
    fields: answerFields,
    once: answerOnce,
    body: fc.constantFrom("", "ok", "\x00\xff\xe9", "z".repeat(5_000)),
    framing: fc.constantFrom("length", "chunked"),
  })
  .map(({ status: code, reason: why, fields, once, body, framing }) => {
    const chunk = body === "" ? "" : `${body.length.toString(16)}\r\n${body}\r\n`;
    const framed: Field[] =
      framing === "length"
        ? [["Content-Length", String(body.length)]]
        : [["Transfer-Encoding", "chunked"]];
    // What the runtime does not read would be taken for the next answer.
    const ends: Field[] = [204, 205, 304].includes(code) ? [["Connection", "close"]] : [];
    const message: RawMessage = {
      start: `HTTP/1.1 ${code} ${why}`,
      fields: [...fields, ...once, ...framed, ...ends],
      body: framing === "length" ? body : `${chunk}0\r\n\r\n`,
    };
    return message;
  });

export const bytesPlan: fc.Arbitrary<BytesPlan> = fc
  .record({ asked, answer })
  .map(({ asked: { asked: sent, clean, isKnown: known, method }, answer: message }) => {
    const body = method === "HEAD" ? "" : message.body;
    return { asked: sent, clean, isKnown: known, answer: { ...message, body } };
  });

/** With the target and a valid cookie of ours in place. */
export function addressed(message: RawMessage, target: string, signed: string): RawMessage {
  return {
    ...message,
    start: message.start.replace("{target}", target),
    fields: message.fields.map(([name, text]) => [name, text.replaceAll(SIGNED, signed)]),
  };
}
