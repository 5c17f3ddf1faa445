import { afterEach, expect, test, vi } from "vitest";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

async function counts(env: Record<string, string>): Promise<[number, number, string]> {
  const given = { PIXCANARY_THOROUGH: undefined, PIXCANARY_RUNS: undefined, ...env };
  for (const [name, value] of Object.entries(given)) vi.stubEnv(name, value);
  vi.resetModules();
  const { runs, thoroughly } = await import("./runs.ts");
  return [runs(1_000), runs(1_000, 30), thoroughly("all", "few")];
}

test("few cases for whoever waits, all of them in CI, and as many as somebody asks for", async () => {
  expect(await counts({})).toEqual([250, 30, "few"]);
  expect(await counts({ PIXCANARY_THOROUGH: "1" })).toEqual([1_000, 1_000, "all"]);
  expect(await counts({ PIXCANARY_RUNS: "7" })).toEqual([7, 7, "few"]);
});
