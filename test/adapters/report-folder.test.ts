/** The folder of reports: nothing of a person's document is lost, and no link is followed out of it. */
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createReportFolders } from "../../src/adapters/report-folder.ts";
import { LocalError } from "../../src/ports/errors.ts";

let cwd: string;
let elsewhere: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "pixcanary-reports-"));
  elsewhere = await mkdtemp(join(tmpdir(), "pixcanary-elsewhere-"));
});
afterEach(async () => {
  await rm(cwd, { recursive: true, force: true });
  await rm(elsewhere, { recursive: true, force: true });
});

const folder = (path = "docs/INCIDENTS", named = false) =>
  createReportFolders(cwd).at(path, { named });
const at = (name: string): string => join(cwd, "docs/INCIDENTS", name);

describe("a report", () => {
  test("is written whole, for its owner alone, into a folder that is made for it", async () => {
    expect(await folder().read("a.md")).toBeNull();
    expect(await readdir(cwd)).toEqual([]);
    await folder().write("a.md", "text ⚡\r\n", null);
    expect(await readFile(at("a.md"), "utf8")).toBe("text ⚡\r\n");
    expect((await stat(at("a.md"))).mode & 0o777).toBe(0o600);
    expect(await readdir(join(cwd, "docs/INCIDENTS"))).toEqual(["a.md"]);
  });

  test("that is there keeps its mode, and its byte order mark", async () => {
    await folder().write("a.md", "\ufeffone", null);
    await chmod(at("a.md"), 0o644);
    const before = await folder().read("a.md");
    expect(before).toBe("\ufeffone");
    await folder().write("a.md", `${before} two`, before);
    expect((await stat(at("a.md"))).mode & 0o777).toBe(0o644);
    expect(await readFile(at("a.md"))).toEqual(Buffer.from("\ufeffone two"));
  });

  test("that was changed since it was read is not replaced", async () => {
    await folder().write("a.md", "one", null);
    await writeFile(at("a.md"), "one, and a person's text");
    await expect(folder().write("a.md", "two", "one")).rejects.toThrow("it was changed meanwhile");
    await expect(folder().write("a.md", "two", null)).rejects.toThrow("it was changed meanwhile");
    expect(await readFile(at("a.md"), "utf8")).toBe("one, and a person's text");
  });

  test("is among the names of its folder; folders and links are not", async () => {
    expect(await folder().names()).toEqual([]);
    await folder().write("a.md", "one", null);
    await mkdir(at("b.md"));
    await symlink(at("a.md"), at("c.md"));
    expect(await folder().names()).toEqual(["a.md"]);
  });

  test("that is no UTF-8, or too long to be read whole, is refused", async () => {
    await mkdir(join(cwd, "docs/INCIDENTS"), { recursive: true });
    await writeFile(at("latin.md"), Buffer.from([0x4d, 0xfc, 0x6c, 0x6c]));
    await writeFile(at("long.md"), Buffer.alloc(8 * 1024 * 1024 + 1, 0x20));
    await expect(folder().read("latin.md")).rejects.toThrow("it is not UTF-8");
    await expect(folder().read("long.md")).rejects.toThrow("longer than 8 MiB");
    await expect(folder().read("latin.md")).rejects.toBeInstanceOf(LocalError);
  });

  test("whose name is a path is a bug", async () => {
    await expect(folder().read("../a.md")).rejects.toThrow("not a plain name");
  });
});

describe("a link", () => {
  test("in the place of a report is neither read nor followed", async () => {
    const secret = join(elsewhere, "secret");
    await writeFile(secret, "theirs");
    await mkdir(join(cwd, "docs/INCIDENTS"), { recursive: true });
    await symlink(secret, at("a.md"));
    await expect(folder().read("a.md")).rejects.toThrow("it is a symbolic link");
    await expect(folder().write("a.md", "ours", null)).rejects.toThrow("it is a symbolic link");
    expect(await readFile(secret, "utf8")).toBe("theirs");
  });

  test("that leads out of the working directory is refused, unless the place itself is named", async () => {
    await mkdir(join(cwd, "docs"));
    await symlink(elsewhere, join(cwd, "docs/INCIDENTS"));
    await expect(folder().write("a.md", "ours", null)).rejects.toThrow("leads out of this folder");
    await expect(folder().read("a.md")).rejects.toThrow("name the folder itself with --out");
    await expect(folder().names()).rejects.toThrow("leads out of this folder");
    expect(await readdir(elsewhere)).toEqual([]);
    await folder(elsewhere).write("a.md", "ours", null);
    expect(await readdir(elsewhere)).toEqual(["a.md"]);
  });
});

test("a link above that leads out is refused before any folder is made out there", async () => {
  await symlink(elsewhere, join(cwd, "docs"));
  await expect(folder().read("a.md")).rejects.toThrow("leads out of this folder");
  await expect(folder().write("a.md", "ours", null)).rejects.toThrow("leads out of this folder");
  expect(await readdir(elsewhere)).toEqual([]);
});

test("a place outside that is named as such is no link", async () => {
  const outside = join("..", basename(elsewhere), "reports");
  await folder(outside).write("a.md", "ours", null);
  expect(await readdir(join(elsewhere, "reports"))).toEqual(["a.md"]);
});

describe("a folder that others could have put there", () => {
  test.each<[string, () => Promise<unknown>]>([
    ["is", () => chmod(join(cwd, "docs/INCIDENTS"), 0o777)],
    ["is in one of theirs that", () => chmod(join(cwd, "docs"), 0o777)],
    [
      "is still to be made in one of theirs that",
      async () => {
        await rm(join(cwd, "docs"), { recursive: true });
        await chmod(cwd, 0o777);
      },
    ],
  ])("and that %s open to all is refused, unless it is named", async (_, open) => {
    await mkdir(join(cwd, "docs/INCIDENTS"), { recursive: true });
    await open();
    const before = await readdir(cwd, { recursive: true });
    for (const used of [
      () => folder().names(),
      () => folder().read("a.md"),
      () => folder().write("a.md", "ours", null),
    ]) {
      await expect(used()).rejects.toThrow(
        /^cannot (read|write) docs\/INCIDENTS.*: others can write to .* \(mode 0777\): name the folder with --out if/,
      );
      await expect(used()).rejects.toBeInstanceOf(LocalError);
    }
    expect(await readdir(cwd, { recursive: true })).toEqual(before);
    await folder("docs/INCIDENTS", true).write("a.md", "ours", null);
    expect(await readFile(at("a.md"), "utf8")).toBe("ours");
  });

  test.skipIf(process.geteuid?.() !== 0)("and that is somebody else's is refused", async () => {
    await mkdir(join(cwd, "docs/INCIDENTS"), { recursive: true });
    await chown(join(cwd, "docs/INCIDENTS"), 12_345, 12_345);
    await expect(folder().read("a.md")).rejects.toThrow("INCIDENTS belongs to user 12345");
  });
});

test("what the machine refuses is said in words", async () => {
  await writeFile(join(cwd, "docs"), "");
  await expect(folder().write("a.md", "x", null)).rejects.toThrow(
    /cannot write docs\/INCIDENTS\/a\.md: /,
  );
});
