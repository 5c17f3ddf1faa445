/** Keys of the bucket as an attacker, a bug or another system would choose them. */
import { seededRandom } from "../../src/sandbox/random.ts";

const BATCH = "20260501T004901Z_20260501T005001Z_1747b6ef.log.gz";

/** By hand, each for a reason; none is longer than 1,024 bytes. */
const CHOSEN: readonly string[] = [
  // Climbing out.
  "../../etc/passwd",
  "b2a/../../../../tmp/owned",
  "..",
  ".",
  "b2a/..",
  "b2a/20260501/..",
  `b2a/20260501/../../../${BATCH}`,
  "%2e%2e/%2e%2e/passwd",
  "b2a/..%2f..%2fpasswd",
  "b2a/....//....//passwd",
  // Absolute, UNC, drives, streams, devices.
  "/etc/passwd",
  "//server/share/x",
  "\\\\server\\share\\x",
  "\\\\?\\C:\\x",
  "C:\\Windows\\System32\\x",
  "C:x",
  "b2a/C:",
  "b2a\\..\\..\\x",
  "b2a/x:stream",
  "b2a/x::$DATA",
  "b2a/CON",
  "b2a/con.log.gz",
  "b2a/NUL",
  "b2a/aux.txt",
  "b2a/COM1",
  "b2a/lpt9.gz",
  // Names that mean something here.
  "manifest.json",
  "b2a/manifest.json",
  "b2a/manifest.json.next",
  `b2a/20260501/${BATCH}.part`,
  `b2a/20260501/${BATCH}.unverified`,
  // Case and Unicode forms.
  `b2a/20260501/${BATCH}`,
  `B2A/20260501/${BATCH}`,
  `b2a/20260501/${BATCH.toUpperCase()}`,
  `b2a/20260501/${BATCH.replace("1747b6ef", "1747B6EF")}`,
  "b2a/\u00e9.log",
  "b2a/e\u0301.log",
  "b2a/\u212b.log",
  "b2a/\u00c5.log",
  "b2a/\ufb01le.log",
  "b2a/file.log",
  "b2a/FILE.log",
  "b2a/\u0130.log",
  "b2a/\u0131.log",
  // Control characters, escapes, bidirectional overrides, ends that systems drop.
  "b2a/a\u0000b",
  "b2a/a\nb",
  "b2a/\u001b]52;c;cm0gLXJm\u0007",
  "b2a/\u202egz.gol",
  "b2a/x.",
  "b2a/x ",
  "b2a/ x",
  "b2a/.hidden",
  "b2a/-rf",
  "b2a/$(touch owned)",
  "b2a/`x`",
  "b2a/*?<>|\"'",
  "~/.ssh/authorized_keys",
  "b2a/~",
  "b2a/",
  "b2a//",
  "/",
  " ",
  // Long.
  "a".repeat(1_024),
  `b2a/${"b".repeat(1_020)}`,
  `b2a/${"\u00fc".repeat(510)}`,
  `b2a/${"../".repeat(300)}x`,
];

const PARTS = [
  "..",
  ".",
  "",
  "/",
  "\\",
  "C:",
  "b2a",
  "20260501",
  BATCH,
  "con",
  "a",
  "A",
  "\u00e9",
  "e\u0301",
  "\u202e",
  "\u0007",
  " ",
  "%2f",
  "~",
  "x.log.gz",
];

/** The chosen ones first, then such as can be put together from their parts. */
export function hostileKeys(seed: number, count: number): string[] {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)] as T;
  const keys = new Set(CHOSEN);
  while (keys.size < count) {
    const parts = Array.from({ length: 1 + Math.floor(random.next() * 8) }, () => pick(PARTS));
    const key = parts.join(pick(["/", "/", "\\", ""]));
    if (key !== "" && Buffer.byteLength(key) <= 1_024) keys.add(key);
  }
  return [...keys].slice(0, count);
}
