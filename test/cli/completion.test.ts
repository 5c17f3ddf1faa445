import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const BIN = fileURLToPath(new URL("../../bin/pixcanary.js", import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcanary-completion-"));
  const environment = {
    accountId: "a".repeat(32),
    namespaceId: "b".repeat(32),
    worker: "w",
    qaUrls: ["https://api.pix.immo/api/qa"],
    canaryTag: "B2a",
  };
  await writeFile(
    join(folder, "pixcanary.json"),
    JSON.stringify({ environments: { staging: environment } }),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const pixcanary = (args: string[]) =>
  execa(process.execPath, [BIN, ...args], { cwd: folder, reject: false, timeout: 20_000 });

describe("completion", () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    it(`prints a script for ${shell}`, async () => {
      const { stdout, exitCode } = await pixcanary(["completion", shell]);
      expect(exitCode).toBe(0);
      expect(stdout).toContain("pixcanary");
    });
  }

  it("prints a script that bash accepts", async () => {
    const { stdout } = await pixcanary(["completion", "bash"]);
    const checked = await execa("bash", ["-n"], { input: stdout, reject: false });
    expect(checked.exitCode).toBe(0);
  });

  it("completes verbs, options and the environments of the configuration", async () => {
    expect((await pixcanary(["complete", "--", "no"])).stdout).toMatch(/^not-aus\t/);
    expect((await pixcanary(["complete", "--", "not-aus", "--"])).stdout).toMatch(/^--env\t/m);
    expect((await pixcanary(["complete", "--", "not-aus", "--env", ""])).stdout).toMatch(
      /^staging\t/,
    );
  });

  it("refuses another shell with a usage error", async () => {
    const { exitCode, stderr } = await pixcanary(["completion", "tcsh"]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("bash");
  });
});
