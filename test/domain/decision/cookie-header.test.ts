/** Our cookie among those of others: found wherever it is, and taken out without touching the rest. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  cookieCandidates,
  withoutCohortCookie,
} from "../../../src/domain/decision/cookie-header.ts";

const VALID = `v1.p.B2a.1790000000.k1.${"A".repeat(43)}`;
const OURS = `_canary_cohort=${VALID}`;

describe("our cookie is found and taken out", () => {
  test.each([
    [OURS, null],
    [`a=1; ${OURS}; b=2`, "a=1; b=2"],
    [`${OURS}; a=1`, "a=1"],
    [`a=1; ${OURS}`, "a=1"],
    [`a=1;${OURS};b=2`, "a=1;b=2"],
    [`a=1; ${OURS}; b=2;`, "a=1; b=2;"],
    [`a=1; ${OURS}; ${OURS}; b=2`, "a=1; b=2"],
    // Several lines, which the runtime joins.
    [`a=1, ${OURS}`, "a=1"],
    [`${OURS}, a=1`, "a=1"],
    [`a=1, ${OURS}, b=2`, "a=1, b=2"],
    [`a=1, ${OURS}; b=2`, "a=1, b=2"],
    [`a=1; ${OURS}, b=2`, "a=1, b=2"],
    [`a=1; ${OURS}; b=2, c=3`, "a=1; b=2, c=3"],
    [`${OURS}, ${OURS}`, null],
    [`a=x, y, ${OURS}; b="1, 2"`, 'a=x, y, b="1, 2"'],
    [`a="x, y", ${OURS}, b="z, w"`, 'a="x, y", b="z, w"'],
    [`a="never ends, ${OURS}`, 'a="never ends'],
    // Between two quotes that belong to different lines.
    [`a=", ${OURS}, b="`, 'a=", b="'],
    [`a=1;  b = 2 ;; ${OURS};c`, "a=1;  b = 2 ;;c"],
    [`a=\u00a0x\u00a0; ${OURS}; \u00a0b=\ufeff`, "a=\u00a0x\u00a0; \u00a0b=\ufeff"],
    [`\ufeffa=1; ${OURS}`, "\ufeffa=1"],
    [`a=b=c==; ${OURS}; =nameless; ; alone`, "a=b=c==; =nameless; ; alone"],
  ])("%s", (header, left) => {
    expect(cookieCandidates(header)[0]).toBe(VALID);
    expect(withoutCohortCookie(header)).toBe(left);
  });
});

test.each([
  "x_canary_cohort=1; _canary_cohortx=2; _canary_cohort-b=3",
  "_canary_cohort",
  "a=_canary_cohort; b=_canary_cohort=1",
  'a="1, _canary_cohort=kept, 2"; b=3',
  "a=1,_canary_cohort=kept",
  "\u00a0_canary_cohort=kept",
  "_Canary_Cohort=kept\t",
])("nobody's but another's: %s stays as it is", (header) => {
  expect(cookieCandidates(header)).toEqual([]);
  expect(withoutCohortCookie(header)).toBe(header);
});

test("of ours, at most four are looked at, and all are taken out", () => {
  const header = Array.from({ length: 9 }, (_, n) => `_canary_cohort=${n}; n=${n}`).join(", ");
  expect(cookieCandidates(header)).toEqual(["0", "1", "2", "3"]);
  expect(withoutCohortCookie(header)).toBe("n=0, n=1, n=2, n=3, n=4, n=5, n=6, n=7, n=8");
});

test("whatever others send, taking ours out leaves their lines as they were", () => {
  const word = fc.constantFrom(
    "a",
    "b=1",
    'c="x, y"',
    "d=e=f",
    "=g",
    "h=",
    "i=j k",
    "_canary_cohortx=1",
  );
  const line = fc.array(fc.record({ text: fc.option(word, { nil: null }), blank: fc.boolean() }), {
    minLength: 1,
    maxLength: 5,
  });
  const written = (pairs: readonly { text: string; blank: boolean }[]): string =>
    pairs.map(({ text, blank }, at) => (at === 0 ? "" : blank ? "; " : ";") + text).join("");
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 4 }), (lines) => {
      const sent = lines.map((pairs) =>
        written(pairs.map(({ text, blank }) => ({ text: text ?? OURS, blank }))),
      );
      const others = lines
        .map((pairs) =>
          written(pairs.flatMap(({ text, blank }) => (text === null ? [] : [{ text, blank }]))),
        )
        .filter((each) => each !== "");
      const expected = others.length === 0 ? null : others.join(", ");
      expect(withoutCohortCookie(sent.join(", "))).toBe(expected);
      const ours = lines.flat().filter(({ text }) => text === null).length;
      expect(cookieCandidates(sent.join(", "))).toEqual(Array(Math.min(ours, 4)).fill(VALID));
    }),
  );
});
