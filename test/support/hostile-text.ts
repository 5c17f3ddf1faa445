/** Text from outside at its worst: any character, and what terminals obey more often than by chance. */
import fc from "fast-check";

const NASTY = [
  ...[
    "\u001b[31m",
    "\u001b]0;title\u0007",
    "\u001b[2J",
    "\u009b",
    "\r",
    "\n",
    "\t",
    "\u0000",
    "\u007f",
  ],
  ...[
    "\u202e",
    "\u2066",
    "\u200f",
    "\ufeff",
    "\u2028",
    "\u0301",
    "\u200d",
    "日本",
    "👩‍👩‍👧",
    "⚡️",
    "✔",
    "'",
  ],
];

export function hostileText(maxParts: number): fc.Arbitrary<string> {
  const any = fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code));
  const plain = fc.constantFrom("a", "b c", " ", "12 %");
  return fc
    .array(fc.oneof(any, plain, fc.constantFrom(...NASTY)), { maxLength: maxParts })
    .map((parts) => parts.join(""));
}
