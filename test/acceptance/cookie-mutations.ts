/** AT-17: `Cookie` headers that hold no valid cohort cookie, made by changing valid ones. */
import type { Random } from "../../src/sandbox/random.ts";

/** A `Cookie` header, and the tag that the configuration names when it arrives. */
export interface Forgery {
  kind: string;
  header: string;
}

export interface Material {
  /** `v1.<n|p>.<tag>.<issued>.<kid>.<signature>`, each valid. */
  valid: readonly string[];
  random: Random;
}

type Mutation = (value: string, material: Material) => string;

const NAME = "_canary_cohort";
const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const PADDINGS = ["=", "==", "%3D", "A", "AA", ".", "..", "=\u0001", '"', "/", "+"];
const KEY_IDS = ["k1", "k2", "k3", "", "K1", "k1k1", "__proto__", "constructor", "k".repeat(17)];
const TAGS = ["B2b", "b2a", "B2a-", "", "__proto__", "B".repeat(33)];

const below = (random: Random, limit: number): number => Math.floor(random.next() * limit);
const pick = <T>(random: Random, from: readonly T[]): T => {
  const chosen = from[below(random, from.length)];
  if (chosen === undefined) throw new Error("nothing to pick from");
  return chosen;
};

/** One part, replaced by another value than its own. */
function replacePart(at: number, make: (part: string, material: Material) => string): Mutation {
  return (value, material) => {
    const parts = value.split(".");
    const before = parts[at] ?? "";
    let after = make(before, material);
    for (let tries = 0; after === before && tries < 8; tries += 1) after = make(before, material);
    parts[at] = after === before ? `${before}x` : after;
    return parts.join(".");
  };
}

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  "bit flip": (value, { random }) => {
    const at = below(random, value.length);
    const flipped = String.fromCharCode(value.charCodeAt(at) ^ (1 << below(random, 8)));
    return value.slice(0, at) + flipped + value.slice(at + 1);
  },
  truncation: (value, { random }) => value.slice(0, below(random, value.length)),
  "truncation in front": (value, { random }) => value.slice(1 + below(random, value.length - 1)),
  "key id": replacePart(4, (_part, { random }) => pick(random, KEY_IDS)),
  "second spelling": (value) => {
    const last = BASE64URL.indexOf(value.at(-1) ?? "");
    // The two lowest bits of the last character carry nothing: a lenient decoder ignores them.
    return value.slice(0, -1) + BASE64URL.charAt(last ^ 1);
  },
  padding: (value, { random }) => value + pick(random, PADDINGS),
  "cohort flip": replacePart(1, (part) => (part === "n" ? "p" : "n")),
  "other tag": replacePart(2, (_part, { random }) => pick(random, TAGS)),
  "other issued-at": replacePart(3, (part, { random }) =>
    String(Number(part) + below(random, 7) - 3),
  ),
  "odd issued-at": replacePart(3, (part, { random }) =>
    pick(random, [`0${part}`, `+${part}`, `${part}.0`, "1e9", "NaN", `${part}0`, "-1", ""]),
  ),
  "signature of another": (value, material) => {
    const other = material.valid.find((each) => each.split(".")[1] !== value.split(".")[1]) ?? "";
    return value.slice(0, value.lastIndexOf(".")) + other.slice(other.lastIndexOf("."));
  },
  "other version": replacePart(0, (_part, { random }) => pick(random, ["v0", "v2", "V1", "1"])),
  "random signature": (value, { random }) =>
    value.slice(0, -43) + Array.from({ length: 43 }, () => pick(random, [...BASE64URL])).join(""),
};

const KINDS = Object.keys(MUTATIONS);
/** These take a thousand times the room of the others: once in so many. */
const RARELY = 500;

/** `at` counts up, so that every kind has its turn. */
export function forgery(at: number, material: Material): Forgery {
  const value = pick(material.random, material.valid);
  if (at % RARELY === 0) return { kind: "200 cookies", header: twoHundred(material) };
  if (at % RARELY === 1) return { kind: "8 KiB", header: `${NAME}=${value}${"A".repeat(8_192)}` };
  if (at % RARELY === 2) return { kind: "8 KiB of dots", header: `${NAME}=${".".repeat(8_192)}` };
  const kind = KINDS[at % KINDS.length] ?? "";
  const changed = mutate(kind, value, material);
  if (at % 11 !== 0) return { kind, header: `${NAME}=${changed}` };
  const second = mutate(pick(material.random, KINDS), value, material);
  return {
    kind: "duplicate names",
    header: `a=1; ${NAME}=${changed}; ${NAME}=${second}; b=${value}`,
  };
}

function mutate(kind: string, value: string, material: Material): string {
  const changed = MUTATIONS[kind]?.(value, material) ?? "";
  if (material.valid.includes(changed)) throw new Error(`${kind} changed nothing`);
  return changed;
}

function twoHundred(material: Material): string {
  const value = pick(material.random, material.valid);
  const all = Array.from({ length: 200 }, (_, n) => {
    const kind = KINDS[n % KINDS.length] ?? "";
    return `${NAME}=${mutate(kind, value, material)}`;
  });
  return all.join("; ");
}
