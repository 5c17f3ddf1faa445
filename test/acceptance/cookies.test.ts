/** AT-17 and AT-20: forged cookies and rotated keys, looped inside one isolate of the real workerd. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runs } from "../support/runs.ts";
import type { CookieOrder, ForgeResult, RotateResult, Verifier } from "./cookies.isolate.ts";
import type { Isolate } from "./isolate.ts";
import { startIsolate } from "./isolate.ts";

const FORGERIES = runs(1_000_000, 100_000);
const PER_TURN = Math.min(FORGERIES, 50_000);
const SESSIONS = runs(100_000, 10_000);
const seed = Number(process.env.PIXCANARY_SEED ?? Date.now() % 2 ** 31);
const nowMs = Date.now();

let isolate: Isolate;
beforeAll(async () => {
  isolate = await startIsolate("cookies.isolate.ts");
});
afterAll(() => isolate.dispose());

const order = <Result>(what: CookieOrder): Promise<Result> => isolate.run<Result>(what);

const forge = (verifier: Verifier, turn: number, count: number): Promise<ForgeResult> =>
  order({ kind: "forge", verifier, seed: seed + turn, count, nowMs });

describe("AT-17", () => {
  test(`of ${FORGERIES} forged cookies 0 are accepted and 0 make the verifier throw`, async () => {
    const startedAt = performance.now();
    let tried = 0;
    for (let turn = 0; tried < FORGERIES; turn += 1) {
      const result = await forge("real", turn, PER_TURN);
      tried += result.tried;
      expect(result, `seed ${seed + turn}`).toEqual({
        tried: PER_TURN,
        accepted: 0,
        threw: 0,
        validRefused: 0,
        acceptedByKind: {},
        firstAccepted: null,
      });
    }
    const elapsedMs = performance.now() - startedAt;
    const madeAt = performance.now();
    await order({ kind: "make", seed, count: PER_TURN, nowMs });
    const makingUs = ((performance.now() - madeAt) * 1000) / PER_TURN;
    const readingUs = (elapsedMs * 1000) / tried - makingUs;
    console.log(`AT-17: seed ${seed}, ${tried} forgeries, ${readingUs.toFixed(1)} µs to read one`);
  });

  test("a verifier that ignores the canonical form is caught", async () => {
    const result = await forge("no-canonical-form", 0, 20_000);
    expect(Object.keys(result.acceptedByKind)).toEqual(
      expect.arrayContaining(["second spelling", "padding"]),
    );
    expect(result.validRefused).toBe(0);
  });

  test("a verifier that does not verify is caught", async () => {
    const { acceptedByKind } = await forge("no-verification", 0, 20_000);
    const kinds = ["bit flip", "key id", "cohort flip", "other issued-at", "random signature"];
    expect(Object.keys(acceptedByKind)).toEqual(expect.arrayContaining(kinds));
  });
});

describe("AT-20", () => {
  test(`add, sign, retire under ${SESSIONS} sessions: no change while the old key is listed`, async () => {
    const rotation = { kind: "rotate", seed, sessions: SESSIONS, nowMs, lossy: false } as const;
    const result = await order<RotateResult>(rotation);
    console.log(`AT-20: seed ${seed}, ${JSON.stringify(result)}`);
    expect(result).toEqual({
      sessions: SESSIONS,
      changesWhileListed: 0,
      errors: 0,
      drawnAnew: (SESSIONS * 3) / 4,
      keptAfterRetiring: SESSIONS / 4,
    });
  });

  test("a rotation that forgets to list the old key is caught", async () => {
    const rotation = { kind: "rotate", seed, sessions: 100, nowMs, lossy: true } as const;
    expect((await order<RotateResult>(rotation)).changesWhileListed).toBeGreaterThan(0);
  });
});
