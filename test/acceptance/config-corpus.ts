/** AT-7: what may stand in the key `config`, whoever wrote it. The same text for the same seed, anywhere. */
import type { Random } from "../../src/sandbox/random.ts";
import { seededRandom } from "../../src/sandbox/random.ts";

export interface Value {
  text: string | null;
  /** Known by construction; null where it is for the parser to say. */
  valid: boolean | null;
}

const MIB = 1_048_576;
/** Values of ten mebibytes take their time: once in so many. */
const HUGE_EVERY = 10_000;

const BAD_PERCENTS = [
  "null",
  '""',
  '" "',
  '"50,5"',
  '"50.555"',
  '"101"',
  '"-1"',
  '"1e2"',
  "-1",
  "-0.01",
  "101",
  "100.01",
  "1e400",
  "-1e400",
  "1e-400x",
  "NaN",
  "Infinity",
  "50.555",
  "0.001",
  "true",
  "[50]",
  '{"valueOf":50}',
  "5O",
  "050",
  "+5",
  "0x10",
];
const GOOD_PERCENTS = [
  "0",
  "-0",
  "1",
  "50.5",
  "0.01",
  "99.99",
  "100",
  "1e2",
  "5.0",
  "1E1",
  '"50"',
  '" 7 % "',
  '"0.5%"',
];
const BAD_TAGS = ["null", '""', '" "', "5", '"a b"', '"B2a;x"', `"${"t".repeat(33)}"`, '"\\u0000"'];
const BAD_FLAGS = ["null", '""', '"maybe"', "1", "0", "[]", "{}"];
const BAD_TIMES = ["null", "5", "{}", `"${"9".repeat(65)}"`];
const ODD_OPTIONALS = ["null", "5", "{}", '""', `"${"r".repeat(501)}"`, '"\\ud800"', '"01JCQ"'];
const WRECKS = [
  "",
  " ",
  "null",
  "true",
  "50",
  '"text"',
  "[]",
  "{}",
  "{",
  "[[",
  "\u0000",
  "undefined",
  '{"a":{"toString":1}}',
  `{"a":${"[".repeat(8_000)}${"]".repeat(8_000)}}`,
];

interface Fields {
  percent: string;
  tag: string;
  flag: string;
  time: string;
}

const pick = (random: Random, from: readonly string[]): string =>
  from[Math.floor(random.next() * from.length)] ?? "";

function goodFields(random: Random): Fields {
  return {
    percent: pick(random, GOOD_PERCENTS),
    tag: pick(random, ['"B2a"', '"B2b"', '"x"', '"a-b_C"']),
    flag: "false",
    time: pick(random, ['"2026-01-01T00:00:00Z"', '""', '"yesterday"']),
  };
}

function textOf({ percent, tag, flag, time }: Fields, more = ""): string {
  return (
    `{"canary_percent":${percent},"canary_tag":${tag},"emergency_proxy":${flag},` +
    `"last_updated":${time}${more}}`
  );
}

type Maker = (random: Random, at: number) => Value;

const wrong = (text: string | null): Value => ({ text, valid: false });
const right = (text: string): Value => ({ text, valid: true });
const open = (text: string): Value => ({ text, valid: null });

const MAKERS: readonly Maker[] = [
  (random) => right(textOf(goodFields(random))),
  () => wrong(null),
  (random) => wrong(textOf({ ...goodFields(random), percent: pick(random, BAD_PERCENTS) })),
  (random) => wrong(textOf({ ...goodFields(random), tag: pick(random, BAD_TAGS) })),
  (random) => wrong(textOf({ ...goodFields(random), flag: pick(random, BAD_FLAGS) })),
  (random) => wrong(textOf({ ...goodFields(random), time: pick(random, BAD_TIMES) })),
  (random) => {
    const name = pick(random, ["revision", "updated_by", "reason", "unknown"]);
    return right(textOf(goodFields(random), `,"${name}":${pick(random, ODD_OPTIONALS)}`));
  },
  (random) => wrong(pick(random, WRECKS)),
  // One of the four required fields is missing.
  (random) => {
    const name = pick(random, ["canary_percent", "canary_tag", "emergency_proxy", "last_updated"]);
    return wrong(textOf(goodFields(random)).replace(`"${name}"`, `"not_${name}"`));
  },
  // Truncated at each byte in turn.
  (random, at) => {
    const text = textOf(goodFields(random));
    return wrong(text.slice(0, at % text.length));
  },
  // JSON's last one of two equal names counts.
  (random) => right(textOf({ ...goodFields(random), percent: '101,"canary_percent":7' })),
  (random) => wrong(textOf({ ...goodFields(random), percent: '7,"canary_percent":101' })),
  (random) => right(textOf(goodFields(random), ',"__proto__":{"emergency_proxy":true}')),
  (random) => {
    const name = pick(random, ["__proto__", "constructor", "prototype"]);
    return wrong(`{"${name}":${textOf(goodFields(random))}}`);
  },
  (random) => right(`\uFEFF${textOf(goodFields(random))}`),
  (random) => right(`\uFEFF\uFEFF${textOf(goodFields(random))}`),
  // UTF-16 that was read as UTF-8, in both byte orders.
  (random) => wrong([...textOf(goodFields(random))].join("\u0000")),
  (random) => wrong(`\uFFFD\uFFFD${[...textOf(goodFields(random))].join("\u0000")}\u0000`),
  (random) => {
    const depth = 10 ** (1 + Math.floor(random.next() * 4));
    return wrong("[".repeat(depth) + "]".repeat(pick(random, ["", "x"]) === "" ? depth : 0));
  },
  (random) => wrong(textOf(goodFields(random)) + " ".repeat(16_384)),
  (random) => right(`\n\t ${textOf(goodFields(random))} \r\n`),
  (random) => wrong(textOf(goodFields(random)) + pick(random, [",", "}", "x", "{}", "\u0000"])),
  // Any one character, replaced.
  (random) => {
    const text = textOf(goodFields(random));
    const at = Math.floor(random.next() * text.length);
    const char = String.fromCharCode(Math.floor(random.next() * 256));
    return open(text.slice(0, at) + char + text.slice(at + 1));
  },
  (random) => open(pick(random, [...GOOD_PERCENTS, ...BAD_PERCENTS, ...WRECKS, ...BAD_TAGS])),
];

/** Good and bad alternate for a while, now and then. */
export function* configValues(seed: number, count: number): Generator<Value> {
  const random = seededRandom(seed);
  for (let at = 0; at < count; at += 1) {
    if (at % HUGE_EVERY === HUGE_EVERY - 1) {
      yield wrong(textOf(goodFields(random), `,"reason":"${"x".repeat(10 * MIB)}"`));
      continue;
    }
    const alternating = at % 1_000 >= 900;
    const index =
      alternating && at % 2 === 0 ? 0 : Math.floor(random.next() * MAKERS.length) % MAKERS.length;
    const maker = MAKERS[index];
    if (maker !== undefined) yield maker(random, at);
  }
}
