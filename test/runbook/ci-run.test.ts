/** `.ci/run` is judged by its exit code and its last line: neither may lie. */
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HANG_MS } from "../support/patience.ts";

const CI_RUN = new URL("../../.ci/run", import.meta.url);

/** Stands for npm: notes each call, prints and ends as the variables say. */
const NPM = `#!/bin/sh
echo "$*\${PIXCANARY_THOROUGH:+, all cases}" >> "$CALLS"
case "$*" in
  install) exit "\${INSTALL_EXIT:-0}" ;;
  "run drill") exit "\${DRILL_EXIT:-0}" ;;
  "run check") exit "\${CHECK_EXIT:-0}" ;;
  test) printf '%s\\n' "$SUMMARY"; exit "\${TEST_EXIT:-0}" ;;
esac
exit 99
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcanary-ci-"));
  await mkdir(join(folder, ".ci"));
  await mkdir(join(folder, "bin"));
  await cp(CI_RUN, join(folder, ".ci/run"));
  await writeFile(join(folder, "bin/npm"), NPM, { mode: 0o755 });
  // Installing shells is tried where they are absent, and may fail.
  await writeFile(join(folder, "bin/apt-get"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function ciRun(env: Record<string, string>) {
  const calls = join(folder, "calls");
  await rm(calls, { force: true });
  const { exitCode, stdout } = await execa(join(folder, ".ci/run"), {
    env: {
      PATH: `${join(folder, "bin")}:${process.env.PATH}`,
      CALLS: calls,
      // Set where CI itself runs this.
      PIXCANARY_THOROUGH: undefined,
      ...env,
    },
    reject: false,
    timeout: HANG_MS,
  });
  const made = await execa("cat", [calls]);
  return { exitCode, last: stdout.split("\n").at(-1), calls: made.stdout.split("\n") };
}

const GOOD =
  " Test Files  2 passed (2)\n      Tests  41 passed | 2 skipped (43)\n   Start at  02:19:55";
const BAD = " Test Files  1 failed (1)\n      Tests  3 failed | 35 passed (38)";

test("runs install and drill, the checks, install and tests, in this order, with all cases", async () => {
  const result = await ciRun({ SUMMARY: GOOD });
  const words = ["install", "run drill", "run check", "install", "test"];
  expect(result.calls).toEqual(words.map((each) => `${each}, all cases`));
  expect(result).toMatchObject({ exitCode: 0, last: "41 passed, 0 failed" });
});

test.each([
  ["tests fail", { SUMMARY: BAD, TEST_EXIT: "1" }, "35 passed, 3 failed"],
  ["a file fails before its first test", { SUMMARY: GOOD, TEST_EXIT: "1" }, "41 passed, 1 failed"],
  ["npm hides that tests failed", { SUMMARY: BAD }, "35 passed, 3 failed"],
  ["the build fails", { SUMMARY: "error TS1005", TEST_EXIT: "2" }, "0 passed, 1 failed"],
  ["no test is found", { SUMMARY: "" }, "0 passed, 1 failed"],
  ["install fails", { SUMMARY: GOOD, INSTALL_EXIT: "1" }, "0 passed, 1 failed"],
  ["the drill fails", { SUMMARY: GOOD, DRILL_EXIT: "20" }, "0 passed, 1 failed"],
  ["the checks fail", { SUMMARY: GOOD, CHECK_EXIT: "1" }, "0 passed, 1 failed"],
])("says so and does not exit 0 when %s", async (_what, env, last) => {
  const result = await ciRun(env);
  expect(result.last).toBe(last);
  expect(result.exitCode).toBeGreaterThan(0);
});
