/** AT-24: whatever a key says, its file stays in the folder and is nobody else's. */
import { createHash } from "node:crypto";
import { posix, win32 } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { safeName } from "../../../src/domain/logs/safe-name.ts";
import { hostileKeys } from "../../support/hostile-keys.ts";

const PREFIX = "b2a";
const nameOf = (key: string, prefix = PREFIX): string =>
  safeName(key, prefix, createHash("sha256").update(key, "utf16le").digest("hex"));

const SEED = 20_260_501;
const KEYS = hostileKeys(SEED, 2_000);

/** Names that Windows gives to devices, whatever comes after a dot. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

describe(`2,000 hostile keys (seed ${SEED})`, () => {
  const names = KEYS.map((key) => nameOf(key));

  test("are there, and differ", () => {
    expect(KEYS).toHaveLength(2_000);
    expect(new Set(KEYS).size).toBe(2_000);
  });

  test("become one plain part of a path, on both systems", () => {
    for (const name of names) {
      expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/);
      expect(posix.dirname(posix.resolve("/target", name))).toBe("/target");
      expect(win32.dirname(win32.resolve("C:\\target", name))).toBe("C:\\target");
      expect(win32.basename(win32.resolve("C:\\target", name))).toBe(name);
      expect(name).not.toMatch(DEVICE);
      expect(name).not.toMatch(/[. ]$/);
      expect(["manifest.json", "manifest.json.next"]).not.toContain(name);
    }
  });

  test("stay apart where case and Unicode forms do not count, also from each other's parts", () => {
    const folded = names.map((name) => name.normalize("NFKD").toLowerCase());
    const withParts = folded.flatMap((name) => [name, `${name}.part`, `${name}.unverified`]);
    expect(new Set(withParts).size).toBe(3 * KEYS.length);
  });
});

describe("a batch", () => {
  const NAME = "20260501T004901Z_20260501T005001Z_1747b6ef.log.gz";

  test("keeps its name where Logpush put it", () => {
    expect(nameOf(`b2a/20260501/${NAME}`)).toBe(NAME);
    expect(nameOf(`20260501/${NAME}`, "")).toBe(NAME);
    expect(nameOf(`a/b/20260501/${NAME}`, "a/b")).toBe(NAME);
  });

  test.each([
    ["of another day's folder", `b2a/20260502/${NAME}`],
    ["deeper", `b2a/x/20260501/${NAME}`],
    ["of another prefix", `b2b/20260501/${NAME}`],
    ["with a climb", `b2a/20260501/../20260501/${NAME}`],
    ["with another case", `b2a/20260501/${NAME.replace("1747b6ef", "1747B6EF")}`],
    ["of a day that does not exist", `b2a/20260230/${NAME.replaceAll("20260501", "20260230")}`],
  ])("does not: %s", (_, key) => {
    expect(nameOf(key)).toMatch(/^other-[0-9a-f]{40}-/);
  });
});

test("any two keys get two names, and one key always the same", () => {
  const key = fc.string({ unit: "binary", minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(key, key, (a, b) => {
      expect(nameOf(a) === nameOf(b)).toBe(a === b);
    }),
    { numRuns: 2_000, seed: SEED },
  );
});
