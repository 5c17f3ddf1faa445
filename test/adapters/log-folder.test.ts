/** A folder for downloads: nothing leaves it, nothing that is not ours is replaced. */
import { createHash } from "node:crypto";
import {
  chmod,
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
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createLogFolders } from "../../src/adapters/logs/folder.ts";
import { LocalError } from "../../src/ports/errors.ts";
import type { LogFolder } from "../../src/ports/logs.ts";
import { hostileKeys } from "../support/hostile-keys.ts";
import { runs } from "../support/runs.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "pixcanary-folder-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const open = (path = "target"): Promise<LogFolder> =>
  createLogFolders(dir).open(path, { named: true });
async function* bytes(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}
const NAME = "a.log.gz";
const quiet = (): void => undefined;

const KEYS = runs(2_000);

test(`${KEYS} hostile keys: as many files, each with its own bytes, and nothing outside`, async () => {
  const folders = createLogFolders(dir);
  await writeFile(join(dir, "outside"), "untouched");
  const folder = await folders.open("target", { named: true });
  const keys = hostileKeys(1, KEYS);
  const traps = keys.slice(0, 20).map((key) => folders.nameOf(key, "b2a"));
  // Links where parts and files will come, as from somebody else on this machine.
  for (const name of traps) {
    await symlink("../outside", join(dir, "target", `${name}.part`));
    await symlink("../outside", join(dir, "target", name));
  }
  const refused: string[] = [];
  for (const key of keys) {
    const file = folders.nameOf(key, "b2a");
    await folder.writePart(file, 0, bytes(key), quiet);
    await folder.keepPart(file, { replace: false }).catch((error: unknown) => {
      expect(error).toBeInstanceOf(LocalError);
      refused.push(file);
    });
  }
  expect(refused).toEqual(traps);
  expect((await readdir(dir)).toSorted()).toEqual(["outside", "target"]);
  expect(await readFile(join(dir, "outside"), "utf8")).toBe("untouched");
  for (const key of keys.slice(20)) {
    const name = folders.nameOf(key, "b2a");
    expect(await readFile(join(dir, "target", name), "utf8")).toBe(key);
  }
});

test("two keys that differ by half a character alone have two names", () => {
  const { nameOf } = createLogFolders(dir);
  expect(nameOf("b2a/\ud800", "b2a")).not.toBe(nameOf("b2a/\ud801", "b2a"));
});

describe("a folder", () => {
  test("that others could have put there is refused, unless it is named", async () => {
    await mkdir(join(dir, "incident-logs"));
    await chmod(join(dir, "incident-logs"), 0o777);
    const { open: openFrom } = createLogFolders(dir);
    const path = "incident-logs/20260501T005001Z";
    const refused = openFrom(path, { named: false });
    await expect(refused).rejects.toBeInstanceOf(LocalError);
    await expect(refused).rejects.toThrow(
      /^cannot open incident-logs\/.*: others can write to .*incident-logs \(mode 0777\): name the folder with --out/,
    );
    expect(await readdir(join(dir, "incident-logs"))).toEqual([]);
    await openFrom(path, { named: true });
    await chmod(join(dir, "incident-logs"), 0o700);
    await openFrom(path, { named: false });
  });

  test("is for its owner alone, and so is what is in it", async () => {
    const folder = await open("a/b");
    await folder.writePart(NAME, 0, bytes("x"), quiet);
    await folder.keepPart(NAME, { replace: false });
    await folder.saveManifest(manifest());
    expect((await stat(join(dir, "a/b"))).mode & 0o777).toBe(0o700);
    for (const name of [NAME, "manifest.json"]) {
      expect((await stat(join(dir, "a/b", name))).mode & 0o777).toBe(0o600);
    }
  });

  test("goes on with a part, and knows the whole", async () => {
    const folder = await open();
    await folder.writePart(NAME, 0, bytes("first-"), quiet);
    expect(await folder.partSize(NAME)).toBe(6);
    let counted = 0;
    const facts = await folder.writePart(NAME, 6, bytes("sec", "ond"), (count) => {
      counted += count;
    });
    expect(counted).toBe(6);
    const md5 = createHash("md5").update("first-second").digest("hex");
    expect(facts).toMatchObject({ size: 12, md5 });
    await folder.keepPart(NAME, { replace: false });
    expect(await folder.facts(NAME)).toEqual(facts);
    expect(await folder.partSize(NAME)).toBe(0);
  });

  test("cuts a part that is longer than where it goes on", async () => {
    const folder = await open();
    await folder.writePart(NAME, 0, bytes("0123456789"), quiet);
    expect((await folder.writePart(NAME, 4, bytes("x"), quiet)).size).toBe(5);
  });

  test("keeps what came before the bytes stopped", async () => {
    const folder = await open();
    const broken = (async function* () {
      yield Buffer.from("half");
      throw new Error("the line broke");
    })();
    await expect(folder.writePart(NAME, 0, broken, quiet)).rejects.toThrow("the line broke");
    expect(await folder.partSize(NAME)).toBe(4);
  });

  test("replaces its own only when told so", async () => {
    const folder = await open();
    await writeFile(join(dir, "target", NAME), "mine");
    await folder.writePart(NAME, 0, bytes("theirs"), quiet);
    await expect(folder.keepPart(NAME, { replace: false })).rejects.toThrow("already exists");
    expect(await readFile(join(dir, "target", NAME), "utf8")).toBe("mine");
    await folder.keepPart(NAME, { replace: true });
    expect(await readFile(join(dir, "target", NAME), "utf8")).toBe("theirs");
  });

  test("takes a name that a killed run had only claimed", async () => {
    const folder = await open();
    await writeFile(join(dir, "target", NAME), "");
    await folder.writePart(NAME, 0, bytes("x"), quiet);
    await folder.keepPart(NAME, { replace: false });
    expect(await readFile(join(dir, "target", NAME), "utf8")).toBe("x");
  });

  test("has no facts of links and folders", async () => {
    const folder = await open();
    await writeFile(join(dir, "outside"), "x");
    await symlink("../outside", join(dir, "target", NAME));
    await mkdir(join(dir, "target", "b.log"));
    expect(await folder.facts(NAME)).toBeNull();
    expect(await folder.facts("b.log")).toBeNull();
  });

  test("takes no name that is none", async () => {
    const folder = await open();
    for (const name of ["../x", "/x", "a/b", "", ".x", "x".repeat(300), "a\\b"]) {
      await expect((async () => folder.facts(name))()).rejects.toThrow("not a safe name");
    }
  });

  test("has no manifest when it cannot be read as one", async () => {
    const folder = await open();
    expect(await folder.manifest()).toBeNull();
    for (const text of ["", "{", '{"schema":2}', JSON.stringify({ ...manifest(), files: [{}] })]) {
      await writeFile(join(dir, "target", "manifest.json"), text);
      expect(await folder.manifest()).toBeNull();
    }
    await folder.saveManifest(manifest());
    expect(await folder.manifest()).toEqual(manifest());
  });

  test("that is none is said in words", async () => {
    await writeFile(join(dir, "file"), "x");
    await expect(open("file/below")).rejects.toThrow(/cannot open file\/below: .*not a folder/);
  });
});

function manifest() {
  return {
    schema: 1 as const,
    env: "sandbox",
    bucket: "logs",
    prefix: "b2a",
    window: { since: "2026-05-01T00:00:00.000Z", until: "2026-05-01T01:00:00.000Z" },
    files: [{ key: "k", file: NAME, size: 1, etag: "e", sha256: "0".repeat(64) }],
  };
}
