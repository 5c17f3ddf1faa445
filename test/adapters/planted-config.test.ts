/** Who else may decide what a configuration says: real files, owners and modes. */
import { chmod, chown, lchown, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loadConfig, loadForRelief } from "../../src/adapters/config-file.ts";
import { examinePath } from "../../src/adapters/trusted-path.ts";

const STRANGER = 12_345;
const ROOT = process.geteuid?.() === 0;
const TEXT = JSON.stringify({
  environments: {
    staging: {
      accountId: "a".repeat(32),
      namespaceId: "b".repeat(32),
      worker: "w",
      qaUrls: ["https://api.pix.immo/qa"],
      canaryTag: "B2a",
    },
  },
});

let base = "";
let folder = "";
let file = "";
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "pixcanary-planted-"));
});
beforeEach(async () => {
  folder = join(await mkdtemp(join(base, "case-")), "shared");
  file = join(folder, "pixcanary.json");
  await mkdir(join(folder, "work"), { recursive: true });
  await writeFile(file, TEXT, { mode: 0o644 });
  await chmod(file, 0o644);
});
afterAll(() => rm(base, { recursive: true, force: true }));

const found = () => loadConfig({ cwd: join(folder, "work") });

interface Case {
  what: string;
  make(): Promise<unknown>;
  says: RegExp;
}

const elsewhere = async (name: string, owner: number): Promise<string> => {
  const path = join(folder, "..", name);
  await writeFile(path, TEXT, { mode: 0o644 });
  await chown(path, owner, owner);
  return path;
};
const linkTo = async (target: string, owner = 0) => {
  await rm(file);
  await symlink(target, file);
  await lchown(file, owner, owner);
};

const REFUSED: readonly Case[] = [
  { what: "a file of mode 0666", make: () => chmod(file, 0o666), says: /mode 0666/ },
  { what: "a file that its group can write", make: () => chmod(file, 0o664), says: /mode 0664/ },
  { what: "a file that only others can write", make: () => chmod(file, 0o602), says: /mode 0602/ },
  {
    what: "somebody else's file",
    make: () => chown(file, STRANGER, STRANGER),
    says: /pixcanary\.json belongs to user 12345/,
  },
  {
    what: "somebody else's file in a sticky folder",
    make: async () => {
      await chmod(folder, 0o1777);
      await chown(file, STRANGER, STRANGER);
    },
    says: /belongs to user 12345/,
  },
  {
    what: "a folder that all can write",
    make: () => chmod(folder, 0o777),
    says: /shared \(mode 0777/,
  },
  { what: "a folder that a group can write", make: () => chmod(folder, 0o775), says: /mode 0775/ },
  {
    what: "a folder above that all can write",
    make: () => chmod(join(folder, ".."), 0o777),
    says: /mode 0777/,
  },
  {
    what: "somebody else's folder, although sticky",
    make: async () => {
      await chmod(folder, 0o1777);
      await chown(folder, STRANGER, STRANGER);
    },
    says: /shared belongs to user 12345/,
  },
  {
    what: "somebody else's link to a file of yours",
    make: async () => {
      await chmod(folder, 0o1777);
      await linkTo(await elsewhere("good.json", 0), STRANGER);
    },
    says: /belongs to user 12345/,
  },
  {
    what: "a link of yours to somebody else's file",
    make: async () => linkTo(await elsewhere("bad.json", STRANGER)),
    says: /bad\.json belongs to user 12345/,
  },
  {
    what: "a link through a folder that all can write",
    make: async () => {
      const open = join(folder, "../open");
      await mkdir(open);
      await writeFile(join(open, "x.json"), TEXT, { mode: 0o644 });
      await chmod(open, 0o777);
      await linkTo("../open/x.json");
    },
    says: /open \(mode 0777\)/,
  },
];

describe.skipIf(!ROOT)("a configuration that was found is refused when it is", () => {
  it.each(REFUSED)("$what", async ({ make, says }) => {
    await make();
    await expect(found()).rejects.toMatchObject({
      planted: true,
      message: expect.stringMatching(says),
      hint: `--config ${file}   # only if you trust it`,
    });
    await expect(found()).rejects.toMatchObject({ message: expect.not.stringContaining("\n") });
    // Named by its path it is taken: the refusal, not the file, is what this is about.
    const named = await loadConfig({ cwd: "/", explicitPath: file });
    expect(Object.keys(named.config.environments)).toEqual(["staging"]);
  });
});

describe("where others can write what was found, the operator's own file", () => {
  const ownPath = () => join(folder, "../own/pixcanary/pixcanary.json");
  const sources = () => ({
    cwd: join(folder, "work"),
    own: { env: { XDG_CONFIG_HOME: join(folder, "../own") }, home: "/nonexistent" },
  });
  beforeEach(async () => {
    await chmod(file, 0o666);
    await mkdir(join(ownPath(), ".."), { recursive: true });
    await writeFile(ownPath(), TEXT.replace("staging", "mine"), { mode: 0o600 });
  });

  it("is what relief is told to name, which does not use it unasked", async () => {
    const { config, broken } = await loadForRelief(sources());
    expect([config.environments, broken]).toMatchObject([{}, { hint: `--config ${ownPath()}` }]);
  });

  it("is what everybody else is told to name, and not the planted one", async () => {
    await expect(loadConfig(sources())).rejects.toMatchObject({
      planted: true,
      hint: `--config ${ownPath()}`,
    });
  });

  it.each([
    ["is not there", () => rm(ownPath())],
    ["is no better", () => chmod(ownPath(), 0o666)],
  ])("is not named where it %s", async (_, make) => {
    await make();
    const hint = `--config ${file}   # only if you trust it`;
    await expect(loadConfig(sources())).rejects.toMatchObject({ planted: true, hint });
    const { config, broken } = await loadForRelief(sources());
    expect([config.environments, broken]).toMatchObject([{}, { hint }]);
  });

  it.skipIf(!ROOT)(
    "is named as well where their link leads to what cannot be looked at",
    async () => {
      await chmod(folder, 0o1777);
      await linkTo("x".repeat(300), STRANGER);
      const hint = `--config ${ownPath()}`;
      await expect(loadConfig(sources())).rejects.toMatchObject({ planted: true, hint });
    },
  );
});

describe("a configuration that was found is taken when it is", () => {
  const TAKEN: readonly Omit<Case, "says">[] = [
    { what: "yours", make: async () => undefined },
    { what: "yours alone", make: () => chmod(file, 0o600) },
    { what: "yours in a sticky folder", make: () => chmod(folder, 0o1777) },
    {
      what: "a link of yours to a file of yours",
      make: async () => {
        await writeFile(join(folder, "real.json"), TEXT, { mode: 0o644 });
        await rm(file);
        await symlink("./work/../real.json", file);
      },
    },
  ];
  it.each(TAKEN)("$what", async ({ make }) => {
    await make();
    expect((await found()).config.environments).toHaveProperty("staging");
  });

  it("not there at all: the folder above is looked at", async () => {
    await rm(file);
    await writeFile(join(folder, "../pixcanary.json"), TEXT, { mode: 0o644 });
    expect((await found()).config.environments).toHaveProperty("staging");
  });
});

it("links in a circle end", async () => {
  await rm(file);
  await symlink("pixcanary.json", file);
  expect((await examinePath(file)).problem).toMatch(/circular link/);
});
