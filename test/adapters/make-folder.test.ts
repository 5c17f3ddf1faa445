/** A folder for what is kept on this machine, wherever somebody wants it. */
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLogFolders } from "../../src/adapters/logs/folder.ts";
import { makeFolder } from "../../src/adapters/make-folder.ts";
import { createRampFile } from "../../src/adapters/ramp-file.ts";
import { createReportFolders } from "../../src/adapters/report-folder.ts";
import { LocalError } from "../../src/ports/errors.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "pixcanary-folder-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

test("is made with those above it, for its owner alone, and may be there already", async () => {
  const path = join(dir, "a/b/c");
  await makeFolder(path);
  await makeFolder(path);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
});

test("is refused where a file is in its place, or in its way", async () => {
  const file = join(dir, "file");
  await writeFile(file, "");
  await expect(makeFolder(file)).rejects.toMatchObject({ code: "EEXIST" });
  await expect(makeFolder(join(file, "below"))).rejects.toMatchObject({ code: "ENOTDIR" });
});

/** Node's recursive `mkdir` never comes back from there. */
describe.runIf(process.platform === "linux")("below /proc, which takes no folders", () => {
  test("is refused at once", () =>
    expect(makeFolder("/proc/x/y")).rejects.toMatchObject({ code: "ENOENT" }));

  test("neither logs nor a ramp wait for it", async () => {
    await expect(createLogFolders("/").open("/proc/x", { named: true })).rejects.toThrow("/proc/x");
    // In words: it is no bug.
    const refused = createLogFolders("/").open("/proc/x", { named: true });
    await expect(refused).rejects.toBeInstanceOf(LocalError);
    const report = createReportFolders("/")
      .at("/proc/x", { named: true })
      .write("a.md", "text", null);
    await expect(report).rejects.toBeInstanceOf(LocalError);
    const place = { stateDir: "/proc/x", env: "e", accountId: "a", namespaceId: "n" };
    const file = createRampFile(place);
    await expect(file.lock()).rejects.toThrow("/proc/x");
    await expect(file.write("{}")).rejects.toThrow("/proc/x");
  });
});
