/** Cookie keys change without a cookie that no location can verify. (AT-20) */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { COOKIE_MAX_AGE_S } from "../../../src/domain/decision/cookie.ts";
import {
  KEY_LIFE_MS,
  nextMove,
  type Rotation,
  type Signing,
  signingNow,
} from "../../../src/domain/setup/key-rotation.ts";

type Step = { afterMs: number; run: boolean; follow: [boolean, boolean]; cut: boolean };

const NOW = 1_800_000_000_000;
const at = (ids: string[], more: Partial<Rotation> = {}): Rotation => ({
  ids,
  shown: [ids, ids],
  signing: null,
  nowMs: NOW,
  ...more,
});

describe("the next move", () => {
  test.each<[string, Rotation, object]>([
    ["adds a key behind the only one", at(["k1"]), { kind: "add", ids: ["k1", "k2"] }],
    [
      "lets the new key sign when all know it",
      at(["k1", "k2"]),
      { kind: "sign", ids: ["k2", "k1"] },
    ],
    [
      "gives the Worker what the file holds",
      at(["k1", "k2"], { shown: [["k1"], ["k1", "k2"]] }),
      { kind: "hand-over" },
    ],
    [
      "does not take a newer key from the Worker that this file never had",
      at(["k1"], { shown: [["k2", "k1"], ["k1"]] }),
      { kind: "behind", id: "k2" },
    ],
    [
      "takes an old key from it that another run did not",
      at(["k2"], { shown: [["k2", "k1"], ["k2"]] }),
      { kind: "hand-over", ids: ["k2"] },
    ],
    ["gives keys to a Worker without any", at(["k1"], { shown: [[], []] }), { kind: "hand-over" }],
    [
      "waits for a /qa that does not answer",
      at(["k1"], { shown: [["k1"], null] }),
      { kind: "wait", untilMs: null },
    ],
    ["waits without any /qa", at(["k1"], { shown: [] }), { kind: "wait", untilMs: null }],
    [
      "begins the life of the old key where none is known",
      at(["k2", "k1"]),
      { kind: "wait", untilMs: NOW + KEY_LIFE_MS },
    ],
    [
      "keeps the old key for its life",
      at(["k2", "k1"], { signing: { id: "k2", sinceMs: NOW - KEY_LIFE_MS + 1 } }),
      { kind: "wait", untilMs: NOW + 1 },
    ],
    [
      "retires it after that",
      at(["k2", "k1"], { signing: { id: "k2", sinceMs: NOW - KEY_LIFE_MS } }),
      { kind: "retire", ids: ["k2"], id: "k1" },
    ],
    [
      "does not count the life of another key",
      at(["k3", "k2"], { signing: { id: "k2", sinceMs: 0 } }),
      { kind: "wait", untilMs: NOW + KEY_LIFE_MS },
    ],
  ])("%s", (_, rotation, move) => {
    expect(nextMove(rotation)).toMatchObject(move);
  });

  test("a key that signs at one /qa begins its life anew", () => {
    const signing = { id: "k2", sinceMs: 0 };
    expect(
      signingNow(
        at(["k2", "k1"], {
          signing,
          shown: [
            ["k2", "k1"],
            ["k1", "k2"],
          ],
        }),
      ),
    ).toBeNull();
  });
});

test("whenever it is run, and however late locations follow, each cookie's key is known everywhere", () => {
  const life = COOKIE_MAX_AGE_S * 1_000;
  const step = fc.record({
    afterMs: fc.oneof(fc.integer({ min: 1, max: 60_000 }), fc.integer({ min: 1, max: life * 2 })),
    run: fc.boolean(),
    /** Which locations follow what the Worker was given; a run that was cut off has not given it. */
    follow: fc.tuple(fc.boolean(), fc.boolean()),
    cut: fc.boolean(),
  });
  const play = (steps: readonly Step[]): number => {
    let nowMs = NOW;
    let [file, worker] = [["k1"], ["k1"]];
    const locations = [["k1"], ["k1"]];
    let signing: Signing | null = null;
    const lastSigned = new Map<string, number>();
    let retired = 0;
    for (const { afterMs, run, follow, cut } of steps) {
      // Until now each location has signed with its first key.
      nowMs += afterMs;
      for (const keys of locations) lastSigned.set(keys[0] ?? "", nowMs);
      for (const nth of [0, 1]) if (follow[nth]) locations[nth] = worker;
      for (const [id, ms] of lastSigned) {
        if (nowMs - ms < life) for (const keys of locations) expect(keys).toContain(id);
      }
      if (!run) continue;
      const rotation: Rotation = { ids: file, shown: locations, signing, nowMs };
      signing = signingNow(rotation);
      const move = nextMove(rotation);
      // Whoever has the only file is never behind.
      expect(move.kind).not.toBe("behind");
      if (move.kind === "wait" || move.kind === "behind") continue;
      if (move.kind === "retire") retired += 1;
      file = [...move.ids];
      if (!cut) worker = file;
    }
    return retired;
  };
  let retired = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 30, maxLength: 60 }), (steps) => {
      retired += play(steps);
    }),
    { numRuns: 500 },
  );
  expect(retired).toBeGreaterThan(10);
});
