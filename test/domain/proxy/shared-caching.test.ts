import fc from "fast-check";
import { expect, test } from "vitest";
import {
  isForSharedCaches,
  privateCacheControl,
} from "../../../src/domain/proxy/shared-caching.ts";

test.each([
  [null, "private"],
  ["", "private"],
  ["public", "private"],
  ["public, max-age=60", "private, max-age=60"],
  ["max-age=60", "private, max-age=60"],
  ["s-maxage=60", "private"],
  ["PUBLIC , S-MaxAge = 60,Max-Age=5", "private, Max-Age=5"],
  ["max-age=31536000, immutable", "private, max-age=31536000, immutable"],
  ["no-cache", "private, no-cache"],
  ['no-cache="set-cookie, x", max-age=1', 'private, no-cache="set-cookie, x", max-age=1'],
  ['private="set-cookie"', "private"],
  ['private="a, public", s-maxage=1', "private"],
  ["private, s-maxage=60", "private"],
  ["no-store, public", "no-store"],
  ["must-revalidate, proxy-revalidate", "private, must-revalidate"],
  ['x="never ends, public', 'private, x="never ends, public'],
  // Nothing to change: byte by byte as it was.
  ["Private,max-age=3", "Private,max-age=3"],
  ["no-store", "no-store"],
  ["no-cache,  no-store", "no-cache,  no-store"],
])("Cache-Control %s becomes %s", (value, expected) => {
  expect(privateCacheControl(value)).toBe(expected);
});

test("whatever was there, the outcome is closed to shared caches, and stays as it is", () => {
  const word = fc.constantFrom(
    "public",
    "private",
    "s-maxage=9",
    "max-age=9",
    "no-store",
    'private="a"',
  );
  const odd = fc.string({ unit: fc.constantFrom(...'"\\=, apublic-'.split("")), maxLength: 20 });
  fc.assert(
    fc.property(fc.array(fc.oneof(word, odd), { maxLength: 6 }), (directives) => {
      const once = privateCacheControl(directives.join(","));
      expect(once).toMatch(/(?:^|,)\s*(?:private|no-store)\s*(?:,|$)/i);
      expect(privateCacheControl(once)).toBe(once);
    }),
  );
});

test("a header that ends no quote costs no time", () => {
  const hostile = [
    '"'.repeat(50_001),
    '"\\'.repeat(50_000),
    "a,".repeat(50_000),
    '"a\\",'.repeat(20_000),
  ];
  for (const value of hostile) expect(privateCacheControl(value)).toMatch(/^private/);
});

test.each([
  ["cdn-cache-control", true],
  ["cloudflare-cdn-cache-control", true],
  ["surrogate-control", true],
  ["x-accel-expires", true],
  ["edge-control", true],
  ["cache-control", false],
  ["expires", false],
  ["surrogate-key", false],
])("%s speaks to shared caches alone: %s", (name, expected) => {
  expect(isForSharedCaches(name)).toBe(expected);
});
