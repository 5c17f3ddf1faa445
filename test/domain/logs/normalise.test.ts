/** What is folded in a message, and that no text can make folding slow. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalise } from "../../../src/domain/logs/normalise.ts";

describe("normalise", () => {
  it.each([
    ["job 0c4a43cf-9d0a-4a86-a2f7-0d2c2f5a8d11 is gone", "job <id> is gone"],
    ["intent 01JCQ8Z7V5K3M2N1P0Q9R8S7T6 not found", "intent <id> not found"],
    ["ray 87ed3f2a1b4c5d6e", "ray <hex>"],
    ["at 0xdeadBEEF", "at <hex>"],
    ["took 5012 ms, limit 5000ms, 3.5 MB", "took <n> ms, limit <n>ms, <n> MB"],
    ["connect ECONNREFUSED 10.0.3.17:5432", "connect ECONNREFUSED <ip>"],
    ["connect to [2001:db8:0:0:1::2]:443", "connect to <ip>"],
    ["since 2026-05-01T00:49:01.123Z", "since <time>"],
    ["relation \"intents\" and 'jobs' and `x`", "relation \"…\" and '…' and `…`"],
    ["can't open /var/lib/pix/17/a.jpg", "can't open <path>"],
    ["GET https://api.pix.immo/api/jobs?token=1 failed", "GET <url> failed"],
    ["R2 and b1a and 5xx and 57P01 stay", "R2 and b1a and 5xx and 57P01 stay"],
    ["  several\n\tspaces ", "several spaces"],
  ])("%s", (message, folded) => {
    expect(normalise(message)).toBe(folded);
  });

  it("says the same of two messages that differ only in what is folded", () => {
    const date = fc.date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true });
    const same = fc.tuple(fc.uuid(), fc.nat(), fc.ipV4(), date);
    const text = ([id, n, ip, at]: [string, number, string, Date]) =>
      `${ip} lost ${id} after ${n} ms at ${at.toISOString()}`;
    fc.assert(
      fc.property(same, same, (a, b) => normalise(text(a)) === normalise(text(b))),
      { numRuns: 300 },
    );
  });

  it("is bounded and well-formed, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        const folded = normalise(text.repeat(20));
        expect(folded.length).toBeLessThanOrEqual(241);
        expect(folded.isWellFormed()).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("ends for texts that make expressions backtrack: a test that hangs has failed", () => {
    const nasty = [
      "'a ",
      '"',
      "1.",
      "/a",
      "a-",
      ":1",
      "0x",
      "a:",
      "[::",
      "1,1",
      "https:",
      "2026-05-",
    ];
    for (const part of nasty) {
      expect(normalise(part.repeat(100_000)).length).toBeLessThanOrEqual(241);
    }
  });
});
