/** Whose wrangler file `setup` takes: it names the Worker, and its commands are run at a deployment. */
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createConfigFiles } from "../../src/adapters/config-edit.ts";
import { readKnown } from "../../src/cli/tools/setup-known.ts";
import { runHere, shellFor } from "../support/here.ts";

const STRANGER = 12_345;
const ROOT = process.geteuid?.() === 0;
const TEXT = JSON.stringify({ name: "planted", build: { command: "touch x" } });

let base = "";
let cwd = "";
let file = "";
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "pixcanary-wrangler-"));
  cwd = join(base, "shared");
  file = join(cwd, "worker/wrangler.jsonc");
  await mkdir(join(cwd, "worker"), { recursive: true });
  await writeFile(file, TEXT);
  await chmod(file, 0o644);
});
afterEach(() => rm(base, { recursive: true, force: true }));

const known = (wrangler?: string) =>
  readKnown(
    { wrangler },
    { env: "staging" } as never,
    { ...shellFor({}), cwd },
    createConfigFiles(),
  );

const REFUSED = [
  { what: "others can write it", make: () => chmod(file, 0o666), says: /mode 0666/ },
  { what: "it is somebody else's", make: () => chown(file, STRANGER, STRANGER), says: /12345/ },
  { what: "others can write its folder", make: () => chmod(cwd, 0o777), says: /shared \(mode/ },
  {
    what: "it is in this folder itself",
    make: async () => {
      await rm(file);
      file = join(cwd, "wrangler.toml");
      await writeFile(file, 'name = "planted"\n');
      await chown(file, STRANGER, STRANGER);
    },
    says: /wrangler\.toml belongs to user 12345/,
  },
  {
    what: "it is a link to such a file",
    make: async () => {
      const target = join(base, "other.jsonc");
      await writeFile(target, TEXT);
      await chown(target, STRANGER, STRANGER);
      await rm(file);
      await symlink(target, file);
    },
    says: /other\.jsonc belongs to user 12345/,
  },
];

describe.skipIf(!ROOT)("a wrangler file that was found is refused when", () => {
  it.each(REFUSED)("$what; named by its path it is taken", async ({ make, says }) => {
    await make();
    await expect(known()).rejects.toMatchObject({
      planted: true,
      message: expect.stringMatching(says),
      hint: `--wrangler ${file}   # only if you trust it`,
    });
    expect((await known(file)).wrangler?.worker).toBe("planted");
  });

  it("others can write it: `setup` says so in a line, with the next command, and exits 2", async () => {
    await chmod(file, 0o666);
    const { code, stdout, stderr } = await runHere(["setup", "--env", "staging"], { cwd });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`found ${file} and did not read it: `);
    expect(stderr).toContain(`--wrangler ${file}   # only if you trust it`);
  });
});

it("a wrangler file that was found is taken when it is yours, on a way that is", async () => {
  expect(await known()).toMatchObject({ wranglerPath: file, wrangler: { worker: "planted" } });
});

it("without a wrangler file there is nothing to take", async () => {
  await rm(file);
  expect(await known()).toMatchObject({ wranglerPath: null, wrangler: null });
});
