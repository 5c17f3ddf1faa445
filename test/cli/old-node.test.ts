import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HANG_MS } from "../support/patience.ts";

const BIN = fileURLToPath(new URL("../../bin/pixcanary.js", import.meta.url));
const PACKAGE = fileURLToPath(new URL("../../package.json", import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcanary-node-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the real entry file under a Node that says it has another version. */
async function startedWith(version: string) {
  const preload = join(folder, "pretend.cjs");
  await writeFile(
    preload,
    `Object.defineProperty(process.versions, "node", { value: ${JSON.stringify(version)} });`,
  );
  return execa(process.execPath, ["--require", preload, BIN, "--version"], {
    reject: false,
    timeout: HANG_MS,
  });
}

describe("the Node version check", () => {
  it("says in one line which Node it needs, and exits 2", async () => {
    for (const version of ["16.0.0", "20.20.2", "22.18.0"]) {
      const { exitCode, stderr, stdout } = await startedWith(version);
      expect(exitCode).toBe(2);
      expect(stdout).toBe("");
      expect(stderr).toBe(`pixcanary needs Node 22.19 or newer; this is ${version}`);
    }
  });

  it("lets the versions that package.json names start", async () => {
    const { engines } = JSON.parse(await readFile(PACKAGE, "utf8")) as {
      engines: { node: string };
    };
    expect(engines.node).toBe(">=22.19");
    expect((await startedWith("22.19.0")).exitCode).toBe(0);
  });
});
