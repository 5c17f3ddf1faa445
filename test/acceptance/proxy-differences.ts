/**
 * AT-29: what may differ between asking the origin directly and asking it through the Worker. This
 * list is the documentation: whatever is not on it must be equal.
 */
import { DROPPED, OWN_PROOFS } from "../../src/domain/proxy/dropped-headers.ts";
import {
  FROM_CLOUDFLARE,
  LOCATION_HEADERS,
  SET_BY_EDGE,
} from "../../src/domain/proxy/origin-headers.ts";
import { isForSharedCaches, privateCacheControl } from "../../src/domain/proxy/shared-caching.ts";

export interface Difference {
  side: "request" | "response";
  /** Lower case; a `*` at either end stands for the rest of the name. */
  header: string;
  why: string;
}

const HOP = "is meant for one connection alone (RFC 9110 §7.6.1)";
const EDGE = "only the edge knows: what the visitor says is replaced";
const SAID_BY_EDGE = [...SET_BY_EDGE, "cf-visitor", ...Object.keys(LOCATION_HEADERS)];
/** The value of every claim that is generated. */
export const CLAIMED = "6.6.6.6";
const request = (names: readonly string[], why: string): Difference[] =>
  names.map((header) => ({ side: "request", header, why }));

export const DIFFERENCES: readonly Difference[] = [
  ...DROPPED.flatMap(({ names, why }) => request(names, why)),
  ...request(SAID_BY_EDGE, EDGE),
  ...request(FROM_CLOUDFLARE, "added by the edge"),
  ...request(["cf-worker"], "added by the runtime: whose Worker is asking"),
  ...request(["connection"], HOP),
  ...request(["expect"], "100-continue is answered by the edge"),
  { side: "response", header: "connection", why: HOP },
  { side: "response", header: "keep-alive", why: HOP },
  { side: "response", header: "transfer-encoding", why: `${HOP}; the body is the same` },
  { side: "response", header: "trailer", why: `${HOP}; the runtime passes no trailers` },
  { side: "response", header: "x-pix-canary", why: "the decision, shown" },
  { side: "response", header: "x-pix-decision", why: "the decision, shown" },
];

const COHORT_COOKIE = /^_canary_cohort=/;

/** Names and values in turn, as Node gives them. */
export type RawHeaders = readonly string[];

export interface Message {
  /** Method and target, or status. */
  start: string;
  headers: RawHeaders;
  body: Buffer;
}

export interface Exchange {
  /** What the origin received; null when nothing reached it. */
  seen: Message | null;
  /** What the client got. */
  got: Message;
}

/** Empty when the two are equal but for the list above. */
export function differences(direct: Exchange, via: Exchange): string[] {
  if (direct.seen === null || via.seen === null) {
    return direct.seen === via.seen ? [] : ["only one of them reached the origin"];
  }
  const listed = connectionListed(direct.seen.headers);
  const expected = setsOurCookie(via.got.headers) ? asPrivate(direct.got) : direct.got;
  return [
    ...messageDifferences("request", direct.seen, via.seen, listed),
    ...messageDifferences("response", expected, via.got, connectionListed(direct.got.headers)),
    ...leaks(via.seen.headers, listed),
  ];
}

function setsOurCookie(headers: RawHeaders): boolean {
  return headers.some((value, at) => at % 2 === 1 && COHORT_COOKIE.test(value));
}

/** An answer that sets our cookie must not be what the origin allows a shared cache to keep. */
function asPrivate(got: Message): Message {
  const headers: string[] = [];
  const caching: string[] = [];
  for (let at = 0; at + 1 < got.headers.length; at += 2) {
    const [name = "", value = ""] = [got.headers[at], got.headers[at + 1]];
    if (name.toLowerCase() === "cache-control") caching.push(value);
    else if (!isForSharedCaches(name.toLowerCase())) headers.push(name, value);
  }
  const value = privateCacheControl(caching.length === 0 ? null : caching.join(", "));
  return { ...got, headers: [...headers, "Cache-Control", value] };
}

/** What must not reach the origin in any case, whatever the direct request held. */
function leaks(headers: RawHeaders, listed: ReadonlySet<string>): string[] {
  const grouped = groupHeaders(headers);
  const edges = [...SAID_BY_EDGE, ...FROM_CLOUDFLARE, "cf-worker", "transfer-encoding"];
  const found = [...grouped.keys()].filter(
    (name) => !edges.includes(name) && (listed.has(name) || isDropped(name)),
  );
  if (/(^|; *)_canary_cohort=/.test(grouped.get("cookie") ?? "")) found.push("cohort cookie");
  found.push(...[...grouped].filter(([, value]) => value.includes(CLAIMED)).map(([name]) => name));
  const client = grouped.get("x-forwarded-for");
  if (client !== "203.0.113.7") found.push(`x-forwarded-for ${client}`);
  const known = grouped.get("cf-connecting-ip");
  if (known !== "203.0.113.7") found.push(`cf-connecting-ip ${known}`);
  return found.map((what) => `reached the origin: ${what}`);
}

function messageDifferences(
  side: Difference["side"],
  direct: Message,
  via: Message,
  listed: ReadonlySet<string>,
): string[] {
  const found: string[] = [];
  if (direct.start !== via.start) found.push(`${side}: ${direct.start} became ${via.start}`);
  if (!direct.body.equals(via.body)) {
    found.push(`${side} body: ${direct.body.length} bytes became ${via.body.length}, or others`);
  }
  const [before, after] = [comparable(side, direct, listed), comparable(side, via, listed)];
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    if (before.get(name) === after.get(name)) continue;
    found.push(`${side} ${name}: ${show(before.get(name))} became ${show(after.get(name))}`);
  }
  return found;
}

const show = (value: string | undefined): string =>
  value === undefined ? "nothing" : JSON.stringify(value.slice(0, 200));

function comparable(
  side: Difference["side"],
  message: Message,
  listed: ReadonlySet<string>,
): Map<string, string> {
  const grouped = groupHeaders(message.headers);
  for (const name of [...grouped.keys()]) {
    if (listed.has(name) || isDocumented[side](name)) grouped.delete(name);
  }
  // No body, said or left unsaid.
  const bodiless = side === "request" || message.start === "205";
  if (bodiless && grouped.get("content-length") === "0") grouped.delete("content-length");
  return grouped;
}

const isDropped = namedByAny(DROPPED.flatMap(({ names }) => names));
const isDocumented = {
  request: namedByAny(documentedOf("request")),
  response: namedByAny(documentedOf("response")),
};

function documentedOf(side: Difference["side"]): string[] {
  return DIFFERENCES.filter((one) => one.side === side).map(({ header }) => header);
}

/** Remembers: the same few names are asked for in each of the many comparisons. */
function namedByAny(patterns: readonly string[]): (name: string) => boolean {
  const known = new Map<string, boolean>();
  return (name) => {
    const found = known.get(name) ?? patterns.some((pattern) => isNamedBy(pattern, name));
    known.set(name, found);
    return found;
  };
}

/**
 * Servers take `_` in a name for `-`: a name counts as what they make of it. Of a pattern with `_` the
 * spelling with `-` is another header.
 */
function isNamedBy(pattern: string, name: string): boolean {
  const read = name.replace(/[_$]/g, "-");
  if (OWN_PROOFS.includes(read) || (/[_$]/.test(pattern) && read === name)) return false;
  const word = pattern.replace(/[_$]/g, "-").replaceAll("*", "");
  const [open, end] = [pattern.startsWith("*"), pattern.endsWith("*")];
  if (open && end) return read.includes(word);
  if (open) return read.endsWith(word);
  return end ? read.startsWith(word) : read === word;
}

/**
 * By name in lower case. Repeated fields are one list (RFC 9110 §5.3), except `Set-Cookie`, whose
 * values stay apart; cookies of ours are left out on both ways.
 */
function groupHeaders(headers: RawHeaders): Map<string, string> {
  const values = new Map<string, string[]>();
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = (headers[at] ?? "").toLowerCase();
    const value = headers[at + 1] ?? "";
    // One without a value sets nothing; the runtime drops it.
    if (name === "set-cookie" && (value === "" || COHORT_COOKIE.test(value))) continue;
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return new Map(
    [...values].map(([name, all]) => [
      name,
      all.join(name === "set-cookie" ? "\n" : name === "cookie" ? "; " : ", "),
    ]),
  );
}

function connectionListed(headers: RawHeaders): ReadonlySet<string> {
  const value = groupHeaders(headers).get("connection") ?? "";
  const names = value.split(",").map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => name !== "upgrade" && name !== ""));
}

/** The direct request's own cookies of ours do reach the origin: take them out before comparing. */
export function withoutOurCookie(headers: RawHeaders): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const [name = "", value = ""] = [headers[at], headers[at + 1]];
    const isCookie = name.toLowerCase() === "cookie";
    const pairs = value.split("; ").filter((pair) => !COHORT_COOKIE.test(pair));
    if (!isCookie) kept.push(name, value);
    else if (pairs.length > 0) kept.push(name, pairs.join("; "));
  }
  return kept;
}
