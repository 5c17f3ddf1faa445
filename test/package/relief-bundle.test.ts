/** Start-up time is response time: what a stop's bundle must not load. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ensureCli } from "../support/cli.ts";

const RELIEF = fileURLToPath(new URL("../../dist/cli/relief.js", import.meta.url));

test("no module of Node's that only other commands need is loaded with it", async () => {
  await ensureCli();
  const bundle = await readFile(RELIEF, "utf8");
  expect(bundle).toContain('from"node:crypto"');
  expect(bundle).not.toMatch(/from"node:(child_process|http2|worker_threads|readline\/promises)"/);
});
