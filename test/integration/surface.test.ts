/** What a new user meets: each mistake has its exit code and says what to do. Nothing is written. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import type { CliOptions } from "../support/cli.ts";
import { PLAIN_ENV, runCli } from "../support/cli.ts";
import { runHere } from "../support/here.ts";
import type { Lane } from "./lane.ts";
import { oneLane, settings, stateFolderOf, storedState, tokenEnv, writeConfig } from "./lane.ts";

let lane: Lane;
let config = "";
oneLane((own, path) => {
  lane = own;
  config = path;
});

const env = (more: Record<string, string> = {}) => ({
  ...lane.env,
  ...tokenEnv(lane.sandbox),
  ...more,
});
const run = (args: readonly string[], options: CliOptions = {}) =>
  (options.wrap === undefined ? runHere : runCli)(args, { env: env(), ...options });

async function folder(text?: string): Promise<string> {
  const path = await mkdtemp(join(lane.dir, "cwd-"));
  if (text !== undefined) await writeFile(join(path, "pixcanary.json"), text);
  return path;
}

interface Row {
  name: string;
  args: readonly string[] | (() => Promise<readonly string[]>);
  options?: () => Promise<CliOptions>;
  code: number;
  says: RegExp;
}

const withConfig =
  (...args: string[]) =>
  async () => [...args, "--config", config];
const token =
  (kind: "kv-read-only" | "wrong-account" | "expired" | "no-permissions") => async () => ({
    env: env({ CLOUDFLARE_API_TOKEN: lane.sandbox.control.createToken(kind) }),
  });

const ROWS: readonly Row[] = [
  {
    name: "an unknown command",
    args: ["not-au"],
    code: 2,
    says: /unknown command.*not-au[\s\S]*not-aus/,
  },
  {
    name: "an unknown option",
    args: ["status", "--jsno"],
    code: 2,
    says: /unknown option.*--jsno/,
  },
  { name: "--help", args: ["--help"], code: 0, says: /^ *not-aus [\s\S]*Exit codes:/m },
  { name: "--version", args: ["--version"], code: 0, says: /^test$/m },
  {
    name: "no configuration anywhere",
    args: ["status"],
    options: async () => ({ cwd: await folder() }),
    code: 2,
    says: /no pixcanary\.json[\s\S]*→ try: .*--config/,
  },
  {
    name: "relief without any configuration",
    args: ["not-aus"],
    options: async () => ({ cwd: await folder() }),
    code: 2,
    says: /To stop by hand[\s\S]*wrangler[\s\S]*no pixcanary\.json[\s\S]*PIXCANARY_NAMESPACE_ID/,
  },
  {
    name: "broken JSON",
    args: ["status"],
    options: async () => ({ cwd: await folder('{"environments": {,}}') }),
    code: 2,
    says: /pixcanary\.json:1:19: not JSON/,
  },
  {
    name: "several environments, none named",
    args: ["not-aus"],
    options: async () => {
      const one = settings(lane.sandbox);
      return {
        cwd: await folder(JSON.stringify({ environments: { staging: one, production: one } })),
      };
    },
    code: 2,
    says: /no environment given; available: staging, production[\s\S]*--env staging/,
  },
  {
    name: "a wrong environment",
    args: withConfig("not-aus", "--env", "prod"),
    code: 2,
    says: /no environment "prod" .*; available: sandbox\n→ try: --env sandbox/,
  },
  {
    name: "no token",
    args: withConfig("not-aus"),
    options: async () => ({ env: lane.env }),
    code: 23,
    says: /CLOUDFLARE_API_TOKEN[\s\S]*By hand:\n +open https:/,
  },
  {
    name: "a wrong token",
    args: withConfig("not-aus"),
    options: async () => ({ env: env({ CLOUDFLARE_API_TOKEN: "x".repeat(40) }) }),
    code: 23,
    says: /HTTP 401[\s\S]*By hand:\n +open https:/,
  },
  {
    name: "an expired token",
    args: withConfig("reduce"),
    options: token("expired"),
    code: 23,
    says: /HTTP 401/,
  },
  {
    name: "a read-only token",
    args: withConfig("not-aus"),
    options: token("kv-read-only"),
    code: 23,
    says: /HTTP 403[\s\S]*By hand:\n +open https:/,
  },
  {
    name: "a token of another account",
    args: withConfig("not-aus"),
    options: token("wrong-account"),
    code: 23,
    says: /HTTP 403/,
  },
  {
    name: "a wrong account",
    args: async () => [
      "not-aus",
      "--config",
      await writeConfig(lane, { accountId: "0".repeat(32) }),
    ],
    code: 23,
    says: /HTTP 403/,
  },
  {
    name: "a wrong namespace",
    args: async () => [
      "not-aus",
      "--config",
      await writeConfig(lane, { namespaceId: "0".repeat(32) }),
    ],
    code: 24,
    says: /is 0{32} the namespace id of this account\?/,
  },
  {
    name: "reduce to more",
    args: withConfig("reduce", "--to", "20"),
    code: 2,
    says: /reduce only lowers[\s\S]*restore/,
  },
  {
    name: "reduce to no percentage",
    args: withConfig("reduce", "--to=-1"),
    code: 2,
    says: /percentage from 0 to 100/,
  },
  {
    name: "restore without a reason",
    args: withConfig("restore"),
    code: 2,
    says: /needs --reason/,
  },
  {
    name: "restore without a terminal",
    args: withConfig("restore", "--to", "50", "--reason", "it's fixed"),
    code: 22,
    says: /→ next: pixcanary restore --to 50 --reason 'it'\\''s fixed' --config \S+ --yes/,
  },
  {
    name: "a wrong --timeout",
    args: withConfig("status", "--timeout", "soon"),
    code: 2,
    says: /--timeout must be/,
  },
  {
    name: "two secrets from stdin",
    args: withConfig("status", "--token-file", "-", "--qa-token-file", "-"),
    code: 2,
    says: /only one secret/,
  },
  {
    name: "a token file for all to read",
    args: async () => {
      const path = join(await folder(), "token");
      await writeFile(path, "x".repeat(40), { mode: 0o644 });
      return ["status", "--token-file", path, "--config", config];
    },
    code: 2,
    says: /mode 0644[\s\S]*chmod 600/,
  },
  {
    name: "--dry-run",
    args: withConfig("not-aus", "--dry-run"),
    code: 0,
    says: /dry run: nothing was written/,
  },
  {
    name: "reduce --dry-run",
    args: withConfig("reduce", "--dry-run"),
    code: 0,
    says: /10 % → 5 %/,
  },
];

test.each(ROWS)("$name: exit $code", async ({ args, options, code, says }) => {
  const words = typeof args === "function" ? await args() : args;
  const result = await run(words, (await options?.()) ?? {});
  const text = result.stdout + result.stderr;
  expect(result.code, text).toBe(code);
  expect(text).toMatch(says);
  expect(text).not.toMatch(/this is a bug/);
  expect(lane.written).toEqual([]);
});

describe("--json on failure is one document on stdout", () => {
  test.each([
    ["an unknown option", ["status", "--jsno", "--json"], 2],
    ["no configuration", ["status", "--json"], 2],
    ["no token", ["not-aus", "--json", "--config"], 23],
  ])("%s", async (_, words, code) => {
    const args = words.at(-1) === "--config" ? [...words, config] : words;
    const result = await runHere(args, { env: lane.env, cwd: await folder() });
    expect(result).toMatchObject({ code });
    expect(JSON.parse(result.stdout)).toMatchObject({
      schema: 1,
      outcome: "failed",
      exit_code: code,
    });
  });
});

describe("a stop that is there already", () => {
  test("repeating it is done, and nothing had to change", async () => {
    expect(await run(["not-aus", "--config", config])).toMatchObject({ code: 0 });
    // With no lag at all, the look at what was there before already meets the new stop.
    lane.sandbox.control.setKv({ lagMs: { min: 60_000, max: 60_000 } });
    const again = await run(["not-aus", "--config", config, "--json"]);
    expect(again).toMatchObject({ code: 0 });
    expect(JSON.parse(again.stdout)).toMatchObject({ outcome: "done", changed: false });
  });

  test("disable would lift it, and is refused", async () => {
    await run(["not-aus", "--config", config]);
    const result = await run(["disable", "--config", config]);
    expect(result).toMatchObject({ code: 25 });
    expect(result.stderr).toMatch(/an emergency is on/);
    expect(storedState(lane.sandbox).stop).toMatchObject({ value: { active: true } });
  });
});

test("a reader that leaves early (| head) does no harm", async () => {
  const result = await run(["--help"], {
    wrap: (words) => ["/bin/sh", "-c", '"$@" | head -1', "sh", ...words],
  });
  expect(result).toMatchObject({ code: 0, stderr: "" });
});

describe("an answer that cannot be written", () => {
  const full = (words: readonly string[]) => ["/bin/sh", "-c", '"$@" >/dev/full', "sh", ...words];

  test.each([
    "status --json",
    "history",
    "reduce --dry-run --json",
    "--timeout 9 reduce --dry-run",
    "--help",
  ])("%s to a full disk says so, and does not exit as if it had been", async (words) => {
    const args = words === "--help" ? [words] : [...words.split(" "), "--config", config];
    const { code, stderr } = await run(args, { wrap: full });
    const relief = words.includes("reduce");
    expect([code, stderr]).toEqual([
      relief ? 0 : 74,
      expect.stringContaining("the answer could not be written: the disk is full"),
    ]);
  });
});

test.skipIf(process.geteuid?.() !== 0 || !existsSync("/usr/bin/setpriv"))(
  "a user without a home folder is no bug",
  async () => {
    const nobody = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"];
    const result = await run(["status"], {
      env: { PATH: PLAIN_ENV.PATH ?? "" },
      wrap: (words) => ["/bin/sh", "-c", 'cd / && exec "$@"', "sh", ...nobody, ...words],
    });
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining("no pixcanary.json") });
  },
);

test("no colour without a terminal, nor with NO_COLOR", async () => {
  const result = await run(["status", "--config", config], {
    env: env({ NO_COLOR: "1", FORCE_COLOR: "1" }),
  });
  expect(result.code).toBe(0);
  expect(result.stdout + result.stderr).not.toContain("\u001b");
});

describe("text that somebody else wrote", () => {
  const FORGED = "✔ verify: done";
  const hostile = (name: string): string => `${name}\n${FORGED}\r\u001b[2J\u061c\u202e\u009b`;
  const UNSAFE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

  test("starts no line of its own and reaches no terminal raw, in any verb", async () => {
    const { store } = lane.sandbox.control;
    const at = new Date().toISOString();
    const path = config;
    const stored = {
      canary_percent: 10,
      canary_tag: "b2a",
      emergency_proxy: false,
      last_updated: hostile(at),
      revision: hostile("R1"),
      updated_by: hostile("anna"),
      reason: hostile("why"),
    };
    store.put("config", JSON.stringify(stored));
    const entry = {
      schema: 1,
      id: hostile("01"),
      at,
      command: hostile("reduce"),
      actor: hostile("anna"),
      host: hostile("h"),
      reason: hostile("why"),
      incident: hostile("INC"),
      before: null,
      after: { percent: 10, emergency: false, revision: hostile("R1") },
      revision: hostile("R1"),
      verification: { outcome: "live", locations: [hostile("FRA")], elapsed_ms: 1 },
      notes: [hostile("note")],
      tool: hostile("t"),
    };
    store.put(`journal/${at}-01`, JSON.stringify(entry));
    const verbs = ["status", "verify", "history", "explain --cohort native", "assess"];
    const more = ["ramp status", "watch --timeout 2", "doctor", "reduce --dry-run", "validate"];
    const relief = ["not-aus --timeout 2", "status", "verify --timeout 2"];
    const tell = async (verb: string, reason: string[] = []): Promise<string> => {
      const { stdout, stderr } = await run([...verb.split(" "), ...reason, "--config", path]);
      expect(stdout + stderr, verb).not.toMatch(UNSAFE);
      expect(stdout + stderr, verb).not.toMatch(/^✔ verify: done\\x/m);
      return stdout + stderr;
    };
    const heard = await Promise.all([...verbs, ...more].map((verb) => tell(verb)));
    heard.push(await tell("reduce", ["--reason", hostile("r")]));
    for (const verb of relief) heard.push(await tell(verb));
    // It was told all the same: what nobody prints proves nothing.
    expect(heard.join("").split("\\x0a✔ verify: done").length).toBeGreaterThan(4);
  });

  test("a named pipe in place of a file of ours holds no command up", async () => {
    const folder = stateFolderOf(lane);
    await mkdir(folder, { recursive: true });
    for (const name of ["journal.ndjson", "ramp.json"]) {
      await rm(join(folder, name), { force: true });
      await execa("mkfifo", [join(folder, name)]);
    }
    const history = await run(["history", "--config", config]);
    expect(history).toMatchObject({ code: 0 });
    expect(history.stdout + history.stderr).toContain("is not a regular file");
    expect(await run(["ramp", "status", "--config", config])).toMatchObject({ signal: null });
    expect(await run(["not-aus", "--config", config])).toMatchObject({ code: 0 });
    for (const name of ["journal.ndjson", "ramp.json"]) await rm(join(folder, name));
  });
});
