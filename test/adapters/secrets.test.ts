import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { format, inspect } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createRedactor, remoteText } from "../../src/adapters/redact.ts";
import { loadSecret, Secret, SecretError, type SecretSources } from "../../src/adapters/secrets.ts";

const VALUE = "s3cr3t-value-0123456789";
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "pixcanary-secret-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function file(name: string, text: string, mode = 0o600): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}
const load = (sources: Partial<SecretSources>) =>
  loadSecret({
    name: "CLOUDFLARE_API_TOKEN",
    env: {},
    baseDir: dir,
    home: dir,
    stdin: Readable.from([]),
    ...sources,
  });
async function errorOf(sources: Partial<SecretSources>): Promise<SecretError> {
  const error = await load(sources).catch((reason: unknown) => reason);
  if (!(error instanceof SecretError)) throw new Error(`not a SecretError: ${String(error)}`);
  return error;
}

function* forever(): Generator<string> {
  for (;;) yield "x".repeat(1_000);
}

test("a secret shows as *** however it is printed (AT-19)", () => {
  const secret = new Secret(VALUE, "test");
  const shown = [
    String(secret),
    secret.toString(),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect({ secret }, { depth: 9, showHidden: true, customInspect: true }),
    inspect({ secret }, { depth: 9, showHidden: true, customInspect: false }),
    format("%s %o %O %j", secret, secret, secret, secret),
    Object.entries(secret).join(),
    JSON.stringify(structuredClone({ ...secret })),
  ].join("\n");
  expect(shown).not.toContain(VALUE);
  expect(secret.reveal()).toBe(VALUE);
});

describe("sources", () => {
  test("explicit file, then environment, then configured file, then none", async () => {
    const explicit = await file("explicit", "from-option\n");
    await file("configured", "from-config");
    const env = { CLOUDFLARE_API_TOKEN: " from-env\n" };
    const all = { option: explicit, env, configured: "configured" };
    expect((await load(all))?.reveal()).toBe("from-option");
    expect((await load({ ...all, option: undefined }))?.reveal()).toBe("from-env");
    expect((await load({ configured: "configured" }))?.reveal()).toBe("from-config");
    expect(
      (await load({ configured: "configured", env: { CLOUDFLARE_API_TOKEN: "" } }))?.reveal(),
    ).toBe("from-config");
    expect(await load({})).toBeNull();
  });

  test("an explicit source that cannot be used is an error, never a fallback", async () => {
    const env = { CLOUDFLARE_API_TOKEN: "from-env-0123" };
    expect((await errorOf({ option: join(dir, "none"), env })).message).toContain("ENOENT");
    expect((await errorOf({ option: "-", env })).message).toContain("is empty");
  });

  test.each([0o604, 0o640, 0o660, 0o644, 0o620])(
    "a file of mode %o is refused with the fix",
    async (mode) => {
      const path = await file("loose", VALUE, mode);
      const error = await errorOf({ option: path });
      expect(error.message).toContain("by others");
      expect(error.hint).toBe(`run: chmod 600 ${path}`);
      expect(error.message + error.hint).not.toContain(VALUE);
    },
  );

  test("one that others can read is used where its problem is told (a stop needs it now)", async () => {
    const told: string[] = [];
    const path = await file("loose", VALUE, 0o644);
    const secret = await load({ option: path, onExposed: (problem) => told.push(problem) });
    expect(secret?.reveal()).toBe(VALUE);
    expect(told).toEqual([expect.stringMatching(/by others \(mode 0644\); run: chmod 600 /)]);
  });

  test.each(["PIXCANARY_QA_TOKEN", "PIXCANARY_SESSION", "PIXCANARY_WEBHOOK_TOKEN"] as const)(
    "an API token of Cloudflare is no %s",
    async (name) => {
      for (const form of ["cfut_", "cfat_", "cfk_"]) {
        const value = `${form}0123456789abcdef`;
        const error = await errorOf({ name, env: { [name]: value } });
        expect(error.message).toContain("is a Cloudflare API token");
        expect(error.message + error.hint).not.toContain(value);
        const token = await load({ env: { CLOUDFLARE_API_TOKEN: value } });
        expect(token?.reveal()).toBe(value);
      }
    },
  );

  test("0400 and a symbolic link to a private file are fine", async () => {
    const path = await file("private", VALUE, 0o400);
    await symlink(path, join(dir, "link"));
    expect((await load({ option: join(dir, "link") }))?.reveal()).toBe(VALUE);
  });

  test("a folder and a named pipe without a writer are refused at once", async () => {
    execFileSync("mkfifo", ["-m", "600", join(dir, "fifo")]);
    expect((await errorOf({ option: join(dir, "fifo") })).message).toContain("not a regular file");
    expect((await errorOf({ option: dir })).message).toContain("not a regular file");
  });

  test("standard input: bounded, not from a terminal", async () => {
    expect((await load({ option: "-", stdin: Readable.from([VALUE, "\n"]) }))?.reveal()).toBe(
      VALUE,
    );
    const long = Readable.from(forever());
    expect((await errorOf({ option: "-", stdin: long })).message).toContain("longer than");
    const terminal = Object.assign(Readable.from([VALUE]), { isTTY: true });
    expect((await errorOf({ option: "-", stdin: terminal })).message).toContain("terminal");
    const broken = new Readable({ read: (): void => void broken.destroy(new Error("gone")) });
    expect((await errorOf({ option: "-", stdin: broken })).message).toContain(
      "the input ended early",
    );
  });

  test.each([
    "two words",
    "line\nbreak",
    "tab\there",
    "nul\0",
    "ünicode",
    "",
    "   ",
    "x".repeat(5_000),
  ])("a token like %j is refused without being shown", async (value) => {
    const path = await file("odd", value);
    const error = await errorOf({ option: path });
    if (value.trim() !== "") expect(error.message + error.hint).not.toContain(value);
  });
});

describe("the redactor", () => {
  test("hides Bearer values, Cloudflare's token shapes and the exact secrets, also encoded", () => {
    const redact = createRedactor([new Secret('a"b/c?secret', "test"), null]);
    const shapes = ["cfut", "cfat", "cfk"].map((kind) => `${kind}_${"Ab1".repeat(14)}`);
    for (const text of [
      ...shapes,
      "authorization: bearer abc.def-ghi",
      'x a"b/c?secret y',
      encodeURIComponent('a"b/c?secret'),
      JSON.stringify({ t: 'a"b/c?secret' }),
    ]) {
      expect(redact(text)).toContain("***");
      expect(redact(text)).not.toMatch(/Ab1|abc\.def|c\?secret|c%3Fsecret/);
    }
    expect(redact("nothing to hide, bearer of news")).toContain("nothing to hide");
  });

  test("no cut and no surrounding text brings a secret back", () => {
    const redact = createRedactor([new Secret(VALUE, "test")]);
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.integer({ min: 1, max: 300 }), (a, b, cut) => {
        const shown = remoteText(redact, `${a}${VALUE}${b}`, cut);
        expect(shown).not.toContain(VALUE);
        expect(shown).not.toContain(VALUE.slice(0, 12));
      }),
    );
  });
});
