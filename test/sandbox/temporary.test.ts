/** What the sandbox keeps on disk ends with it. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder, withTemporary } from "../../src/sandbox/temporary.ts";

test("a folder is gone when it is removed, with all that is in it", async () => {
  const folder = await temporaryFolder("pixcanary-test-");
  await writeFile(join(folder.path, "file"), "x");
  await folder.remove();
  expect(existsSync(folder.path)).toBe(false);
});

test("a folder is gone when the process ends, and nothing is left to do after its removal", async () => {
  const before = process.listeners("exit");
  const folder = await temporaryFolder("pixcanary-test-");
  const [atExit] = process.listeners("exit").filter((one) => !before.includes(one));
  await writeFile(join(folder.path, "file"), "x");
  atExit?.call(process, 0);
  expect(existsSync(folder.path)).toBe(false);
  await folder.remove();
  expect(process.listeners("exit")).toEqual(before);
});

test("the system's folder is another one for what is made, and for nothing else", () => {
  const usual = tmpdir();
  expect(withTemporary("/elsewhere", tmpdir)).toBe("/elsewhere");
  expect(tmpdir()).toBe(usual);
  const fails = () => {
    throw new Error("no");
  };
  expect(() => withTemporary("/elsewhere", fails)).toThrow("no");
  expect(tmpdir()).toBe(usual);
});
