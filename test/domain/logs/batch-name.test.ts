/** Names of Logpush files, and which of them a window needs. */
import { describe, expect, test } from "vitest";
import {
  batchKey,
  batchRange,
  beginningsOf,
  mayHold,
} from "../../../src/domain/logs/batch-name.ts";

const ms = (text: string): number => Date.parse(text);
const KEY = "b2a/20260501/20260501T004901Z_20260501T005001Z_1747b6ef.log.gz";

describe("a batch's name", () => {
  test("holds its range", () => {
    const range = { fromMs: ms("2026-05-01T00:49:01Z"), toMs: ms("2026-05-01T00:50:01Z") };
    expect(batchRange(KEY)).toEqual(range);
    expect(batchKey("b2a", range, "1747b6ef")).toBe(KEY);
    expect(batchKey("", range, "1747b6ef")).toBe(KEY.slice("b2a/".length));
  });

  test.each([
    "",
    "b2a/20260501/x.log.gz",
    KEY.replace("_1747b6ef", ""),
    KEY.replace("T004901Z_20260501T005001Z", "T005001Z_20260501T004901Z"),
    KEY.replaceAll("20260501T", "20260230T"),
    KEY.replaceAll("T00", "T25"),
    `${KEY}\n`,
    `${KEY}.part`,
  ])("is not %j", (key) => {
    expect(batchRange(key)).toBeNull();
  });
});

describe("a window", () => {
  const window = { sinceMs: ms("2026-05-01T10:00:00Z"), untilMs: ms("2026-05-01T11:00:00Z") };
  const range = (from: string, to: string) => ({
    fromMs: ms(`2026-05-01T${from}Z`),
    toMs: ms(`2026-05-01T${to}Z`),
  });

  test.each([
    ["09:54:00", "09:54:59", false],
    ["09:54:00", "09:55:00", true],
    ["10:30:00", "10:31:00", true],
    ["11:14:59", "11:16:00", true],
    ["11:15:00", "11:16:00", false],
    ["00:00:00", "23:00:00", true],
  ])("of an hour from 10: a file from %s to %s: %j", (from, to, expected) => {
    expect(mayHold(range(from, to), window)).toBe(expected);
  });

  test("is looked for among batches that began an hour before, and those that begin later", () => {
    expect(beginningsOf(window)).toEqual({
      sinceMs: ms("2026-05-01T08:55:00Z"),
      untilMs: ms("2026-05-01T11:15:00Z"),
    });
  });
});
