/** AT-29: what must be the same through the Worker and through a bare proxy Worker. */
import { isWritable } from "../../src/domain/proxy/header-text.ts";
import { isForSharedCaches, privateCacheControl } from "../../src/domain/proxy/shared-caching.ts";
import type { BytesPlan } from "./proxy-bytes-plan.ts";
import type { Field, RawMessage } from "./raw-http.ts";
import { decoded, reencoded } from "./raw-http.ts";

export interface Passage {
  seen: RawMessage | null;
  got: RawMessage;
}

export interface Pair {
  plan: BytesPlan;
  bare: Passage;
  ours: Passage;
}

/** Whose every request differs anyway: where it goes, and what the edge alone says. */
const OF_THE_EDGE = /^(?:host|cf-.*|x-forwarded-(?:for|host|proto))$/i;
export const OF_THE_DECISION = /^x-pix-/i;
const OUR_COOKIE = /^_canary_cohort=/;

export const setsOurs = ({ fields }: RawMessage): boolean =>
  fields.some(([name, value]) => name === "Set-Cookie" && OUR_COOKIE.test(value));

const isCaching = ([name]: Field): boolean => name.toLowerCase() === "cache-control";

/** What must be the same of a request that reached the origin. */
function requestOf(message: RawMessage | null): unknown {
  if (message === null) return null;
  const fields = message.fields.filter(([name]) => !OF_THE_EDGE.test(name));
  return [message.start.replace("/w-", "/b-"), fields, message.body];
}

/** What must be the same of an answer. */
function answerOf({ fields, body, start }: RawMessage): unknown {
  const kept = fields.filter(
    ([name, value]) =>
      !OF_THE_DECISION.test(name) && !(name === "Set-Cookie" && OUR_COOKIE.test(value)),
  );
  return [start, kept.filter((field) => !isCaching(field)), cachingOf({ fields }), body];
}

function cachingOf({ fields }: Pick<RawMessage, "fields">): string | null {
  const values = fields.filter(isCaching).map(([, value]) => value);
  return values.length === 0 ? null : values.join(", ");
}

/** As an answer must be that sets our cookie: for one visitor, and to the byte where that can be. */
function asPrivate(got: RawMessage): RawMessage {
  const value = cachingOf(got);
  const made = privateCacheControl(value);
  const onlyAdds = value !== null && made === `private, ${value}` && !isWritable(decoded(value));
  const caching = onlyAdds ? `${value}, private` : made === value ? made : reencoded(made);
  const fields = got.fields.filter(
    (field) => !isCaching(field) && !isForSharedCaches(field[0].toLowerCase()),
  );
  return { ...got, fields: [...fields, ["Cache-Control", caching]] };
}

/** Empty when the two are the same. */
export function differences({ plan, bare, ours }: Pair): string[] {
  const found: string[] = [];
  const compare = (what: string, before: unknown, after: unknown): void => {
    const [left, right] = [JSON.stringify(before), JSON.stringify(after)];
    if (left !== right) found.push(`${what}: ${left} became ${right}`.slice(0, 3_000));
  };
  const isDrawn = setsOurs(ours.got);
  compare("request", requestOf(bare.seen), requestOf(ours.seen));
  compare("answer", answerOf(isDrawn ? asPrivate(bare.got) : bare.got), answerOf(ours.got));
  if (plan.isKnown && isDrawn) found.push("drawn anew, in spite of the cookie");
  return found;
}
