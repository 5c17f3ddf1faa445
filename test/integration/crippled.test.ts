/** AT-3: `not-aus` on a crippled machine. In each the stop is written, at once, and the exit code is true. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { CliOptions } from "../support/cli.ts";
import { ensureCli, runCli } from "../support/cli.ts";
import { AMPLE_S, ENOUGH_S } from "../support/patience.ts";
import { ensureBundle } from "../worker/bundle.ts";
import type { Lane } from "./lane.ts";
import { emergencies, resetLane, startLane, stopIsStored, writeConfig } from "./lane.ts";

let lane: Lane;
beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
  lane = await startLane({ locations: ["FRA", "AMS"] });
});
afterAll(() => lane?.close());
beforeEach(() => resetLane(lane));

interface Crippled {
  name: string;
  /** Puts the fault in place; returns how to run the program. */
  prepare(): Promise<CliOptions & { config?: string; noConfig?: true }> | (CliOptions & object);
  code?: number;
  /** Standard error must say so. */
  says?: RegExp;
}

const shell =
  (script: string) =>
  (words: readonly string[]): string[] => ["/bin/sh", "-c", script, "sh", ...words];

async function scratch(name: string, text: string): Promise<string> {
  const folder = await mkdtemp(join(lane.dir, "made-"));
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

/** A file where a folder is wanted: not even root can write below it. */
const notAFolder = () => scratch("not-a-folder", "");

async function preload(source: string): Promise<string> {
  return scratch("preload.cjs", source);
}

const NO_DNS = `const dns = require("node:dns");
dns.lookup = (name, options, callback) => {
  const error = Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND", syscall: "getaddrinfo" });
  (typeof options === "function" ? options : callback)(error);
};`;

const FULL_DISK = `require("node:fs").promises.open("/dev/null").then((file) => {
  Object.getPrototypeOf(file).write = async () => {
    throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  };
  return file.close();
});`;

const WARNS_OF_JOURNAL = /! journal /;

const MACHINES: Crippled[] = [
  { name: "no HOME at all", prepare: () => ({ env: { PATH: "/usr/bin:/bin" } }) },
  {
    name: "HOME is no folder",
    prepare: async () => ({ env: { ...lane.env, HOME: await notAFolder(), XDG_STATE_HOME: "" } }),
    says: WARNS_OF_JOURNAL,
  },
  {
    name: "the journal's folder cannot be made",
    prepare: async () => ({ env: { ...lane.env, XDG_STATE_HOME: await notAFolder() } }),
    says: WARNS_OF_JOURNAL,
  },
  {
    name: "the journal's disk is full",
    prepare: async () => ({ nodeArgs: ["--require", await preload(FULL_DISK)] }),
    says: /the disk is full/,
  },
  { name: "stdout closed", prepare: () => ({ wrap: shell('exec "$@" >&-') }) },
  { name: "stderr closed", prepare: () => ({ wrap: shell('exec "$@" 2>&-') }) },
  {
    name: "stdin, stdout and stderr closed",
    prepare: () => ({ wrap: shell('exec "$@" <&- >&- 2>&-') }),
  },
  {
    name: "stdout and stderr on a full disk",
    prepare: () => ({ wrap: shell('exec "$@" >/dev/full 2>&1') }),
  },
  {
    name: "nobody reads stdout and stderr any more",
    prepare: () => ({
      onStart: (child) => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      },
    }),
  },
  { name: "no terminal, stdin closed", prepare: () => ({ wrap: shell('exec "$@" <&-') }) },
  { name: "PATH is empty", prepare: () => ({ env: { ...lane.env, PATH: "" } }) },
  {
    name: "the working directory is gone",
    prepare: () => ({ wrap: shell('d=$(mktemp -d) && cd "$d" && rmdir "$d" && exec "$@"') }),
  },
  {
    name: "TMPDIR is no folder (compile cache)",
    prepare: async () => ({ env: { ...lane.env, TMPDIR: await notAFolder() } }),
  },
  {
    name: "NO_COLOR, a dumb terminal, an unknown locale",
    prepare: () => ({
      env: { ...lane.env, NO_COLOR: "1", TERM: "dumb", LANG: "xx_YY", LC_ALL: "xx_YY" },
    }),
  },
  {
    name: "no DNS",
    prepare: async () => ({ nodeArgs: ["--require", await preload(NO_DNS)] }),
  },
  {
    name: "the journal's API endpoint fails",
    prepare: async () => {
      await lane.sandbox.control.addFault({
        kind: "server-error",
        match: { pathContains: "journal" },
      });
      return {};
    },
    says: WARNS_OF_JOURNAL,
  },
  {
    name: "/qa cannot be reached",
    prepare: async () => ({
      config: await writeConfig(lane, {
        qaUrls: ["http://127.0.0.1:9/qa"],
        tokenFile: join(lane.sandbox.description.configPath, "../api-token"),
      }),
    }),
    code: 21,
  },
  {
    name: "the clock is an hour off",
    prepare: () => {
      lane.sandbox.control.setApi({ clockSkewMs: 3_600_000 });
      return {};
    },
    says: /clock is \d+ s behind the API's/,
  },
  {
    name: "another token has spent its API budget (AT-4b)",
    prepare: async () => {
      const { control } = lane.sandbox;
      control.setApi({ limits: { requests: true }, exhaustBudget: true });
      const path = await scratch("token", control.createToken("full"));
      return {
        config: await writeConfig(lane, {
          qaTokenFile: join(lane.sandbox.description.configPath, "../qa-token"),
        }),
        env: { ...lane.env, CLOUDFLARE_API_TOKEN: await readable(path) },
      };
    },
  },
  {
    name: "64 MiB of heap",
    prepare: () => ({ env: { ...lane.env, NODE_OPTIONS: "--max-old-space-size=64" } }),
  },
  { name: "32 open files at most", prepare: () => ({ wrap: shell('ulimit -n 32 && exec "$@"') }) },
];

async function readable(path: string): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  return readFile(path, "utf8");
}

test.each(MACHINES)("$name", async ({ prepare, code = 0, says }) => {
  const { config, ...how } = { config: lane.sandbox.description.configPath, ...(await prepare()) };
  const result = await runCli(
    ["not-aus", "--config", config, "--timeout", code === 0 ? AMPLE_S : ENOUGH_S],
    { env: lane.env, ...how },
  );

  expect.soft(result).toMatchObject({ code });
  expect(stopIsStored(lane.sandbox)).toBe(true);
  const asked = lane.sandbox.control.requests().map(({ method, path }) => `${method} ${path}`);
  const nth = asked.findIndex((line) => line.startsWith("PUT ") && line.endsWith("/values/stop"));
  expect(asked.slice(0, nth).length, asked.join("\n")).toBeLessThanOrEqual(2);
  expect(await emergencies(lane.sandbox)).toEqual([true, true]);
  expect(result.stderr).not.toMatch(/this is a bug|at .*main\.js/);
  if (says !== undefined) expect(result.stderr).toMatch(says);
});

afterAll(() => rm(join(lane.dir, "state"), { recursive: true, force: true }));
