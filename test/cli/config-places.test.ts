/** Where `pixcanary.json` is found, and what becomes of one that cannot be read. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ensureCli, PLAIN_ENV, runCli } from "../support/cli.ts";
import { runHere } from "../support/here.ts";

beforeAll(ensureCli);

let home = "";
let work = "";
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "pixcanary-places-"));
  work = join(home, "work");
  await mkdir(work);
  await mkdir(join(home, ".config/pixcanary"), { recursive: true });
});
afterEach(() => rm(home, { recursive: true, force: true }));

const environment = (digit: string) => ({
  accountId: digit.repeat(32),
  namespaceId: "b".repeat(32),
  worker: "pix-api",
  qaUrls: ["http://127.0.0.1:1/api/qa"],
  canaryTag: "B2a",
});
const fileOf = (digit: string) =>
  JSON.stringify({ environments: { staging: environment(digit) } }, null, 2);

const pixcanary = (args: readonly string[], env: Record<string, string> = {}) =>
  runHere(args, { cwd: work, env: { ...PLAIN_ENV, HOME: home, ...env } });

/** The account that the card for the wall names. */
async function accountIn(args: readonly string[], env: Record<string, string> = {}) {
  const { stdout, stderr } = await pixcanary(["card", ...args], {
    CLOUDFLARE_API_TOKEN: "api-token",
    ...env,
  });
  return /dash\.cloudflare\.com\/([0-9a-f])\1{31}\//.exec(stdout)?.[1] ?? stderr;
}

describe("the file that is taken", () => {
  const own = () => join(home, ".config/pixcanary/pixcanary.json");
  const other = () => join(home, "other.json");

  it("is the operator's own where none is here or above", async () => {
    await writeFile(own(), fileOf("1"));
    expect(await accountIn([])).toBe("1");
  });

  it("is the nearest one before the operator's own", async () => {
    await writeFile(own(), fileOf("1"));
    await writeFile(join(work, "pixcanary.json"), fileOf("2"));
    expect(await accountIn([])).toBe("2");
  });

  it("is the one of PIXCANARY_CONFIG before the nearest, and --config before both", async () => {
    await writeFile(join(work, "pixcanary.json"), fileOf("2"));
    await writeFile(other(), fileOf("3"));
    expect(await accountIn([], { PIXCANARY_CONFIG: other() })).toBe("3");
    expect(await accountIn([], { PIXCANARY_CONFIG: "" })).toBe("2");
    await writeFile(own(), fileOf("4"));
    expect(await accountIn(["--config", own()], { PIXCANARY_CONFIG: other() })).toBe("4");
  });

  it("is the one whose environments are completed", async () => {
    const complete = async (env: Record<string, string> = {}) => {
      const { stdout } = await runCli(["complete", "--", "pixcanary status --env "], {
        cwd: work,
        env: { ...PLAIN_ENV, HOME: home, ...env },
      });
      return stdout.trim().split("\n").filter(Boolean);
    };
    await writeFile(own(), fileOf("1"));
    expect(await complete()).toEqual(["staging"]);
    await writeFile(other(), JSON.stringify({ environments: { other: environment("2") } }));
    expect(await complete({ PIXCANARY_CONFIG: other() })).toEqual(["other"]);
  });

  it("is never another one than PIXCANARY_CONFIG names", async () => {
    await writeFile(join(work, "pixcanary.json"), fileOf("2"));
    const { code, stderr } = await pixcanary(["status"], { PIXCANARY_CONFIG: other() });
    expect([code, stderr]).toEqual([2, expect.stringContaining(`file not found: ${other()}`)]);
  });

  it("is not the operator's own while others can write to it", async () => {
    await writeFile(own(), fileOf("1"));
    await chmod(own(), 0o666);
    const { code, stderr } = await pixcanary(["status"]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining("and did not read it: others can write to "),
    ]);
  });

  it.each([
    ["a byte order mark", (text: string) => Buffer.from(`\uFEFF${text}`)],
    ["comments after a byte order mark", (text: string) => Buffer.from(`\uFEFF// why\n${text}`)],
    ["UTF-16, as PowerShell writes", (text: string) => Buffer.from(`\uFEFF${text}`, "utf16le")],
  ])("may begin with %s", async (_, bytes) => {
    await writeFile(join(work, "pixcanary.json"), bytes(fileOf("2")));
    expect(await accountIn([])).toBe("2");
  });
});

describe("relief where the file cannot be read", () => {
  const stop = async (env: Record<string, string> = {}) => {
    const { code, stderr } = await pixcanary(["not-aus", "--env", "staging", "--yes"], env);
    expect(code).toBe(2);
    expect(stderr).toContain("nothing was written. To stop by hand");
    return stderr;
  };

  it.each([
    ["is a folder", () => mkdir(join(work, "pixcanary.json"))],
    ["is empty", () => writeFile(join(work, "pixcanary.json"), "")],
    ["is too long", () => writeFile(join(work, "pixcanary.json"), " ".repeat(300_000))],
    ["is not there", async () => undefined],
  ])("because it %s, prints the ways by hand with the ids to fill in", async (_, make) => {
    await make();
    const said = await stop();
    expect(said).toContain("with your own ACCOUNT_ID and NAMESPACE_ID");
    expect(said).toContain("; for the proof: export PIXCANARY_QA_URL=…");
    expect(said).not.toContain("then check:");
    expect(said).toContain("/accounts/ACCOUNT_ID/storage/kv/namespaces/NAMESPACE_ID/values/stop");
  });

  it("prints them with the ids that the file or the variables still tell", async () => {
    const { namespaceId: _, ...rest } = environment("7");
    const text = JSON.stringify({ environments: { staging: rest } });
    await writeFile(join(work, "pixcanary.json"), text);
    const said = await stop();
    expect(said).toContain("with your own NAMESPACE_ID:");
    expect(said).not.toContain("PIXCANARY_QA_URL");
    expect(said).toContain(`/accounts/${"7".repeat(32)}/storage`);
    await writeFile(join(work, "pixcanary.json"), "{");
    const told = await stop({ PIXCANARY_NAMESPACE_ID: "9".repeat(32) });
    expect(told).toContain("with your own ACCOUNT_ID:");
    expect(told).toContain(`/namespaces/${"9".repeat(32)}/`);
  });

  it("prints them whole where only the file of the token is wrong", async () => {
    const text = JSON.stringify({
      environments: { staging: { ...environment("7"), tokenFile: "/nosuch/token" } },
    });
    await writeFile(join(work, "pixcanary.json"), text);
    const said = await stop();
    expect(said).toContain("To stop by hand:");
    expect(said).toContain("then check:");
    expect(said).toContain("http://127.0.0.1:1/api/qa");
  });
});
