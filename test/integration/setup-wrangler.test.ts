/** The repository's own wrangler.jsonc after `setup`: its bindings alone are changed, and wrangler takes it. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import * as z from "zod";
import { readJsonc } from "../../src/adapters/jsonc.ts";
import { ACCOUNT, NAMESPACE } from "../sandbox/api-harness.ts";
import { ROOT } from "../support/cli.ts";
import { HANG_MS } from "../support/patience.ts";
import { WRANGLER as PROGRAM, WRANGLER_CACHE } from "../support/wrangler.ts";
import { type Stage, stageSetup } from "./setup-stage.ts";

const ours = await readFile(join(ROOT, "worker/wrangler.jsonc"), "utf8");

/** Where `setup` looks first. */
const FILE = "worker/wrangler.jsonc";

let stage: Stage;
beforeEach(async () => {
  stage = await stageSetup(null);
  await mkdir(join(stage.dir, "worker"));
  await writeFile(join(stage.dir, FILE), ours);
});
afterEach(() => stage.close());

test("only account and namespace of this environment change, byte by byte", async () => {
  expect((await stage.setup(["--yes", "--env", "staging"])).code).toBe(0);
  const text = await readFile(join(stage.dir, FILE), "utf8");
  const at = ours.indexOf('"production": {');
  const expected =
    ours
      .slice(0, at)
      .replace('"00000000000000000000000000000000"', `"${ACCOUNT}"`)
      .replace('"00000000000000000000000000000001"', `"${NAMESPACE}"`) + ours.slice(at);
  expect(text).toBe(expected);
});

test("wrangler reads the bindings that setup wrote", async () => {
  expect((await stage.setup(["--yes"])).code).toBe(0);
  const patched = await readFile(join(stage.dir, FILE), "utf8");
  const { value } = await readJsonc(patched);
  expect(value).toMatchObject({
    env: { production: { kv_namespaces: [{ binding: "KV_CANARY_CONFIG", id: NAMESPACE }] } },
  });
  // Whatever it names as its source, and runs to build it.
  const main = z.object({ main: z.string() }).parse(value).main;
  const source = join(stage.dir, "worker", main);
  await mkdir(dirname(source), { recursive: true });
  await writeFile(source, "export default { fetch: () => new Response() };\n");
  await writeFile(join(stage.dir, "worker/build.js"), "");
  const [node, ...program] = PROGRAM;
  const words = ["deploy", "--dry-run", "--env", "production", "--outdir", "out"];
  const { stdout } = await execa(node, [...program, ...words], {
    cwd: join(stage.dir, "worker"),
    stdin: "ignore",
    timeout: HANG_MS,
    env: { NODE_COMPILE_CACHE: WRANGLER_CACHE, WRANGLER_SEND_METRICS: "false", CI: "true" },
  });
  expect(stdout).toMatch(new RegExp(`env\\.KV_CANARY_CONFIG \\(${NAMESPACE}\\)`));
  expect(stdout).toContain('env.ANALYTICS_DATASET ("canary_requests")');
});
