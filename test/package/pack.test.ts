/** What `npm pack` makes, as an operator gets it: nothing of this clone beside it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sandboxProblem } from "../../src/cli/tools/load-sandbox.ts";
import { commands } from "../../src/commands/index.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { NODE, PLAIN_ENV, ROOT } from "../support/cli.ts";
import { HANG_MS, WORKER_PATIENCE } from "../support/patience.ts";
import { startSandbox } from "../support/sandbox.ts";
import { WRANGLER } from "../support/wrangler.ts";
import { ensureBundle } from "../worker/bundle.ts";
import { type Installed, installPackage } from "./installed.ts";

/** A line here is a file that reaches operators: no tests, no sources, no secrets. */
const SHIPPED = [
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  "RUNBOOK.md",
  "SECURITY.md",
  "bin/pixcanary.js",
  "dist/THIRD-PARTY-NOTICES.txt",
  "dist/cli/chdb-child.js",
  "dist/cli/dashboard-server.js",
  "dist/cli/database-probe.js",
  "dist/cli/main.js",
  "dist/cli/relief.js",
  "dist/cli/sandbox-help.js",
  "dist/cli/sandbox.js",
  "dist/worker/index.js",
  "docs/beacon.md",
  "docs/dashboard-emergency.png",
  "docs/dashboard.md",
  "docs/dashboard.png",
  "docs/glossary.md",
  "docs/proxy-headers.md",
  "docs/sessions.md",
  "docs/state-and-proof.md",
  "package.json",
  "schema/pixcanary.schema.json",
  "worker/build.js",
  "worker/schema.sql",
  "worker/wrangler.jsonc",
];

interface PackageJson {
  version: string;
  dependencies?: object;
  devDependencies: Record<string, string>;
}

let [installed, sandbox]: [Installed | undefined, Sandbox | undefined] = [undefined, undefined];
let own: PackageJson;
beforeAll(async () => {
  await ensureBundle();
  own = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as PackageJson;
  [installed, sandbox] = await Promise.all([
    installPackage(),
    startSandbox({ locations: ["FRA"], lagMs: { min: 0, max: 0 }, patience: WORKER_PATIENCE }),
  ]);
});
afterAll(async () => {
  await Promise.all([installed?.remove(), sandbox?.close()]);
});

function inPackage(): Installed {
  if (installed === undefined) throw new Error("not installed");
  return installed;
}
const run: Installed["run"] = (...given) => inPackage().run(...given);
const config = () => ["--config", sandbox?.description.configPath ?? ""];

const sandboxPackages = () =>
  ["miniflare", "chdb", "@electric-sql/pglite"].map((name): [string, string] => [
    name,
    own.devDependencies[name] ?? "",
  ]);
const installLine = () =>
  `npm install --save-exact ${sandboxPackages()
    .map(([name, version]) => `${name}@${version}`)
    .join(" ")}`;

describe("the tarball", () => {
  it("holds what operators need and nothing else", () => {
    expect(inPackage().files).toEqual(SHIPPED);
  });

  it("needs no other package", () => {
    expect(own.dependencies).toBeUndefined();
  });

  it("names the licence of each package whose code is in a bundle", async () => {
    const notices = await readFile(join(inPackage().root, "dist/THIRD-PARTY-NOTICES.txt"), "utf8");
    const inside = [
      "zod",
      "commander",
      "@clack/prompts",
      "cloudflare",
      "hono",
      "undici",
      "pg",
      "jose",
      "uplot",
      "ws",
    ];
    for (const name of inside) {
      expect(notices).toContain(`\n${name} ${own.devDependencies[name]} (`);
    }
    expect(notices).toContain("Apache License");
  });

  it("deploys the Worker that was built: wrangler uploads it byte for byte", async () => {
    const { root, folder } = inPackage();
    const [node, ...wrangler] = WRANGLER;
    const upload = join(folder, "upload");
    await execa(
      node,
      [...wrangler, "deploy", "--dry-run", "--env", "production", "--outdir", upload],
      {
        cwd: join(root, "worker"),
        stdin: "ignore",
        timeout: HANG_MS,
        env: { WRANGLER_SEND_METRICS: "false", CI: "true" },
      },
    );
    const built = await readFile(join(root, "dist/worker/index.js"));
    expect(built.equals(await readFile(join(upload, "index.js")))).toBe(true);
  });
});

describe("installed into an empty folder", () => {
  // What each says is shown without a process (help.test.ts); here that its bundle is whole.
  it("knows every verb, and shows the help of one out of each bundle", async () => {
    expect((await run(["--version"])).stdout).toBe(own.version);
    const { stdout } = await run(["--help"]);
    for (const { name } of commands) expect(stdout).toContain(`  ${name.split(" ", 1)[0]} `);
    for (const verb of ["not-aus", "status", "drill", "completion"]) {
      const { code, stderr } = await run([verb, "--help"]);
      expect([verb, code, stderr]).toEqual([verb, 0, ""]);
    }
  });

  it("prints the card without a network", async () => {
    const { code, stdout } = await run(["card", ...config()]);
    expect(code).toBe(0);
    expect(stdout).toContain("CANARY EMERGENCY CHEAT SHEET: sandbox");
  });

  it("reads and changes an environment", async () => {
    for (const words of [
      ["status"],
      ["doctor"],
      ["not-aus", "--reason", "try"],
      ["verify"],
      ["restore", "--reason", "try", "--yes", "--force"],
      ["history"],
      ["explain"],
      ["logs", "errors", "--since", "1h"],
      ["completion", "bash"],
    ]) {
      const named = words[0] === "completion" ? [] : [...config(), "--env", "sandbox"];
      const { code, stdout, stderr } = await run([...words, ...named]);
      // The sandbox may or may not have delivered log lines by now.
      const ended = stdout.includes("cannot say") ? 20 : 0;
      expect([words, code, code === ended ? "" : stdout + stderr]).toEqual([words, ended, ""]);
    }
  });

  it.each([["sandbox"], ["drill"]])("%s says in one line what to install", async (verb) => {
    const missing = sandboxPackages().map((pair) => pair.join(" "));
    const { code, stdout, stderr } = await run([verb]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr.split("\n")).toEqual([
      `✖ the sandbox needs packages that pixcanary does not bring: ${missing.join(", ")}`,
      `→ try: ${installLine()}   # where pixcanary is installed; with -g if it is global`,
    ]);
  });

  it("sandbox --help lists the faults all the same", async () => {
    const { code, stdout } = await run(["sandbox", "--help"]);
    expect([code, stdout.includes("Faults of the Cloudflare API")]).toEqual([0, true]);
  });

  it("an older Node gets one line", async () => {
    const preload = join(inPackage().folder, "pretend.cjs");
    await writeFile(
      preload,
      `Object.defineProperty(process.versions, "node", { value: "20.20.2" });`,
    );
    const { code, stdout, stderr } = await run(["status"], { nodeArgs: ["--require", preload] });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toBe("pixcanary needs Node 22.19 or newer; this is 20.20.2");
  });
});

describe("the sandbox's packages", () => {
  it("make sandbox run once they are there", async () => {
    const { folder } = inPackage();
    const links = sandboxPackages().map(([name]) => name);
    await mkdir(join(folder, "node_modules/@electric-sql"), { recursive: true });
    const at = (name: string) => join(folder, "node_modules", name);
    await Promise.all(links.map((name) => symlink(join(ROOT, "node_modules", name), at(name))));
    try {
      await useSandbox(folder);
    } finally {
      await Promise.all(links.map((name) => rm(at(name))));
    }
  });

  it("another version counts as none", () => {
    const needed = { miniflare: "4.1.0", chdb: "3.4.0" };
    expect(sandboxProblem(needed, (name) => needed[name as "chdb"] ?? null)).toBeNull();
    const found = { miniflare: "4.2.0", chdb: "3.4.0" };
    expect(sandboxProblem(needed, (name) => found[name as "chdb"])?.message).toMatch(
      /: miniflare 4\.1\.0 \(not 4\.2\.0\)$/,
    );
  });

  it("are named in the README by the versions of package.json", async () => {
    expect(await readFile(join(ROOT, "README.md"), "utf8")).toContain(`\n${installLine()}\n`);
  });
});

/** Starts it as an operator does, asks it for its state, and ends it with Ctrl-C. */
async function useSandbox(folder: string): Promise<void> {
  const program = join(folder, "node_modules/.bin/pixcanary");
  const words = [program, "sandbox", "--lag", "0", "--locations", "FRA"];
  const child = spawn(NODE, words, {
    cwd: folder,
    env: { ...PLAIN_ENV, HOME: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close");
  try {
    let path = "";
    for await (const line of createInterface({ input: child.stdout })) {
      path = /^ +config +(\S+)/.exec(line)?.[1] ?? path;
      if (path !== "") break;
    }
    const { code, stdout } = await run(["status", "--config", path]);
    expect([code, stdout]).toEqual([0, expect.stringContaining("10 %")]);
    // A question to the metrics starts chDB.
    expect((await run(["assess", "--config", path])).stdout).toContain("no data");
  } finally {
    child.kill("SIGINT");
  }
  // 130 where it took longer to end than a person should wait.
  expect([
    [0, null],
    [130, null],
  ]).toContainEqual(await ended);
}
