/** Files that `setup` writes: none is lost, none is overwritten. */
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createConfigFiles } from "../../src/adapters/config-edit.ts";
import { createSecretFiles } from "../../src/adapters/secret-files.ts";
import { LocalError } from "../../src/ports/errors.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "pixcanary-files-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const secretFiles = () =>
  createSecretFiles({ folder: join(dir, "own"), onSecret: () => undefined });

describe("secret files", () => {
  test("what another run writes at the same moment is not overwritten", async () => {
    const path = secretFiles().secretsPath;
    let done = false;
    const onSecret = (): void => {
      if (!done) mkdirSync(dirname(path), { recursive: true });
      if (!done) writeFileSync(path, "of another run", { mode: 0o600 });
      done = true;
    };
    const late = createSecretFiles({ folder: dirname(path), onSecret }).complete();
    await expect(late).rejects.toThrow(`cannot write ${path}: a file of that name already exists`);
    expect(await readFile(path, "utf8")).toBe("of another run");
    expect(await readdir(dirname(path))).toEqual(["worker-secrets.json"]);
  });

  test("a run that was cut off between the two files is finished with the same token", async () => {
    const first = await secretFiles().complete();
    await rm(secretFiles().qaTokenPath);
    expect(await secretFiles().present()).toEqual({ secrets: true, qaToken: false });
    await secretFiles().complete();
    const token = await readFile(secretFiles().qaTokenPath, "utf8");
    expect(token.trim()).toBe(first.QA_TOKEN.reveal());
    expect(await readdir(join(dir, "own"))).toEqual(["qa-token", "worker-secrets.json"]);
  });
});

describe("configuration files", () => {
  const files = createConfigFiles();

  test("one that was changed meanwhile is not replaced", async () => {
    const path = join(dir, "pixcanary.json");
    await writeFile(path, "by hand");
    const write = files.write(path, { before: "{}", after: "{ }" });
    await expect(write).rejects.toThrow(LocalError);
    expect([await readFile(path, "utf8"), await readdir(dir)]).toEqual([
      "by hand",
      ["pixcanary.json"],
    ]);
  });

  test("one that would be refused is not written", async () => {
    const path = join(dir, "pixcanary.json");
    const check = () => Promise.reject(new Error("no"));
    await expect(files.write(path, { before: null, after: "{}" }, check)).rejects.toThrow("no");
    expect(await readdir(dir)).toEqual([]);
  });
});
