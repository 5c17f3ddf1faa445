/** Nothing that a stop can do without may keep it from being sent. */
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseStop } from "../../src/domain/state.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { startSandbox } from "../../src/sandbox/index.ts";

const BIN = fileURLToPath(new URL("../../bin/pixcanary.js", import.meta.url));

let sandbox: Sandbox;
let folder: string;
beforeAll(async () => {
  const lagMs = { min: 0, max: 0 };
  sandbox = await startSandbox({ locations: ["FRA"], lagMs, rateLimits: false });
  folder = await mkdtemp(join(tmpdir(), "pixcanary-relief-"));
});
afterAll(async () => {
  await sandbox?.close();
  await rm(folder, { recursive: true, force: true });
});

const notAus = (config: string, ...args: string[]) =>
  execa(process.execPath, [BIN, "not-aus", "--config", config, ...args], {
    env: { HOME: folder, XDG_STATE_HOME: folder, CLOUDFLARE_API_TOKEN: "", PIXCANARY_QA_TOKEN: "" },
    reject: false,
    timeout: 30_000,
  });

const storedStop = () => parseStop(sandbox.control.store.text("stop"));

it("a /qa token that cannot be read is done without: the stop is written all the same", async () => {
  const { configPath } = sandbox.description;
  const config = JSON.parse(await readFile(configPath, "utf8")) as {
    environments: { sandbox: { qaTokenFile: string } };
  };
  const open = join(folder, "qa-token");
  await writeFile(open, "open to everybody");
  await chmod(open, 0o644);
  config.environments.sandbox.qaTokenFile = open;
  const copy = join(folder, "pixcanary.json");
  await writeFile(copy, JSON.stringify(config));

  const { stderr, exitCode } = await notAus(copy, "--timeout", "3");
  expect(stderr).toContain("going on without the /qa token");
  expect(storedStop()).toMatchObject({ kind: "valid", value: { active: true } });
  // Written and stored; without the document, a location that was quiet only just now proves nothing.
  expect(exitCode).toBe(21);
});

it("a pasted log as --reason is shortened, and stops nothing", async () => {
  const { exitCode } = await notAus(sandbox.description.configPath, "--reason", "x".repeat(30_000));
  expect(exitCode).toBe(0);
  const stop = storedStop();
  expect(stop.kind === "valid" && stop.value.reason?.length).toBe(400);
});
