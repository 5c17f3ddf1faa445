/** A sandbox with everything that the runbook takes for granted: an operator's shell in front of it. */
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa, type ResultPromise } from "execa";
import type { QaDocument } from "../../src/domain/proof/qa-document.ts";
import { qaSchema } from "../../src/domain/proof/qa-document.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { DATASET, PAGES_ORIGIN, WORKER_NAME } from "../../src/sandbox/types.ts";
import { AMPLE_S, HANG_MS, WORKER_PATIENCE } from "../support/patience.ts";
import { startSandbox } from "../support/sandbox.ts";
import { WRANGLER, WRANGLER_CACHE } from "../support/wrangler.ts";
import { ensureBundle } from "../worker/bundle.ts";
import { putLogs } from "./logged.ts";
import { isCondition, measure } from "./measured.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Runs what `npx` would, without npm's own start in front of it; knows wrangler alone. */
const NPX = `#!/bin/sh\n[ "$1" = wrangler ] || exit 127\nshift\nexec ${WRANGLER.map((word) => `'${word}'`).join(" ")} "$@"\n`;

/** `stdout` and `stderr` as they came. */
export interface Said {
  exitCode: number | undefined;
  output: string;
}

export interface Shell {
  /** Runs a script as an operator would paste it; types Ctrl-C once it has said `until`. */
  type(script: string, until?: string): Promise<Said>;
  close(): Promise<void>;
}

export interface Stage extends Shell {
  /** Puts the canary into a known state: `emergency`, or a share such as `10 %`. */
  put(state: string): Promise<void>;
  /** What the metrics of the last minutes say: `healthy` or `failing`. */
  measured(condition: string): Promise<void>;
  /** What every location shows: `emergency` or a share, one entry per location. */
  shown(): Promise<string[]>;
}

/** bash with the built pixcanary on its PATH, and nothing of the caller's environment. */
export async function openShell(
  env: Record<string, string> = {},
): Promise<Shell & { folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), "pixcanary-runbook-"));
  const program = await builtProgram();
  // What doctor has not seen after 4 s it calls broken; on a busy machine it has the time that it needs.
  const patient = `[ "$1" != doctor ] || set -- "$@" --timeout ${AMPLE_S}`;
  const shim = `#!/bin/sh\n${patient}\nexec node '${program.path}' "$@"\n`;
  await mkdir(join(folder, "bin"));
  await writeFile(join(folder, "bin/pixcanary"), shim, { mode: 0o755 });
  await writeFile(join(folder, "bin/npx"), NPX, { mode: 0o755 });
  const type = async (script: string, until?: string): Promise<Said> => {
    const running = execa("bash", ["-eu", "-o", "pipefail", "-c", script], {
      cwd: folder,
      env: { ...operatorEnv(folder), ...env },
      extendEnv: false,
      stdin: "ignore",
      all: true,
      reject: false,
      timeout: HANG_MS,
    });
    if (until !== undefined) interruptOnce(running, until);
    const { exitCode, all } = await running;
    return { exitCode, output: all };
  };
  const close = async (): Promise<void> => {
    await rm(folder, { recursive: true, force: true });
    await program.remove();
  };
  return { folder, type, close };
}

/** A script of one command is that command's own process: bash has made way for it. */
function interruptOnce(running: Pick<ResultPromise, "all" | "kill">, until: string): void {
  let said = "";
  running.all?.on("data", (chunk: Buffer) => {
    const before = said.includes(until);
    said += chunk.toString("utf8");
    if (!before && said.includes(until)) running.kill("SIGINT");
  });
}

function operatorEnv(folder: string): Record<string, string> {
  return {
    PATH: [join(folder, "bin"), join(ROOT, "node_modules/.bin"), process.env.PATH ?? ""].join(":"),
    HOME: folder,
    XDG_STATE_HOME: join(folder, "state"),
    PIXCANARY_ACTOR: "oncall@laptop",
    PIXCANARY_BACKGROUND: "off",
    NO_COLOR: "1",
    CI: "true",
    WRANGLER_SEND_METRICS: "false",
    NODE_COMPILE_CACHE: WRANGLER_CACHE,
  };
}

export async function openStage(): Promise<Stage> {
  await ensureBundle();
  const sandbox = await startSandbox({
    lagMs: { min: 0, max: 0 },
    rateLimits: false,
    patience: WORKER_PATIENCE,
    // Nothing runs its cron, which doctor would name.
    vars: { GUARDIAN: "off" },
  });
  try {
    const shell = await openShell(secretsOf(sandbox));
    await writeFile(join(shell.folder, "pixcanary.json"), await configurationOf(sandbox));
    await putLogs(sandbox);
    return {
      type: shell.type,
      put: (state) => put(sandbox, state),
      measured: async (condition) => {
        if (!isCondition(condition)) throw new Error(`unknown metrics: ${condition}`);
        await measure(sandbox, condition);
      },
      shown: async () => (await lookEverywhere(sandbox)).map(shownBy),
      close: async () => {
        await shell.close();
        await sandbox.close();
      },
    };
  } catch (error) {
    await sandbox.close();
    throw error;
  }
}

/** Exactly the variables that the runbook tells people to export, and the address of the sandbox. */
function secretsOf({ description }: Sandbox): Record<string, string> {
  return {
    CLOUDFLARE_API_TOKEN: description.apiToken,
    PIXCANARY_QA_TOKEN: description.qaToken,
    PIXCANARY_SESSION: description.session,
    DATABASE_URL: description.databaseUrl,
    CLOUDFLARE_ACCOUNT_ID: description.accountId,
    KV_NAMESPACE_ID: description.kvNamespaceId,
    QA_URL: `${description.locations[0]?.url}/qa`,
    CLOUDFLARE_API_BASE_URL: description.apiBaseUrl,
  };
}

async function configurationOf({ description }: Sandbox): Promise<string> {
  const own = JSON.parse(await readFile(description.configPath, "utf8"));
  const environment = {
    accountId: description.accountId,
    namespaceId: description.kvNamespaceId,
    qaUrls: description.locations.map(({ url }) => `${url}/qa`),
    apiBaseUrl: description.apiBaseUrl,
    canaryTag: "B2a",
    normalPercent: 10,
    dataset: DATASET,
    pagesOrigin: PAGES_ORIGIN,
    logsBucket: description.logsBucket,
    mediaBucket: description.mediaBucket,
    logsPrefix: "b2a",
    notify: own.environments.sandbox.notify,
  };
  const environments = {
    production: { ...environment, worker: WORKER_NAME },
    staging: { ...environment, worker: WORKER_NAME },
  };
  return JSON.stringify({ environments });
}

/**
 * Each state begins with a release that every location has read; only then may an older stop be put,
 * one that even a release by hand, which knows whole seconds only, is younger than.
 */
async function put(sandbox: Sandbox, state: string): Promise<void> {
  const write = async (key: string, value: object): Promise<void> => {
    sandbox.control.store.put(key, JSON.stringify(value));
    sandbox.control.setKv({ catchUp: true });
    await lookEverywhere(sandbox);
  };
  const share = state === "emergency" ? 10 : Number.parseFloat(state);
  const config = { canary_percent: share, canary_tag: "B2a", emergency_proxy: false };
  await write("stop", { active: false, at: new Date().toISOString() });
  await write("config", { ...config, last_updated: new Date().toISOString() });
  if (state !== "emergency") return;
  // Old enough to have been heard of: `restore --yes` releases it.
  const earlier = new Date(Date.now() - 180_000).toISOString();
  const mirror = { ...config, canary_percent: 0, emergency_proxy: true, last_updated: earlier };
  await write("stop", { active: true, at: earlier, by: "oncall@laptop" });
  await write("config", mirror);
}

function lookEverywhere({ description }: Sandbox): Promise<QaDocument[]> {
  const headers = { authorization: `Bearer ${description.qaToken}` };
  return Promise.all(
    description.locations.map(async ({ url }) => {
      const signal = AbortSignal.timeout(HANG_MS);
      const response = await fetch(`${url}/qa`, { headers, signal, redirect: "manual" });
      return qaSchema().parse(await response.json());
    }),
  );
}

function shownBy({ canary }: QaDocument): string {
  return canary.emergency_proxy ? "emergency" : `${canary.percent} %`;
}

/** The shipped program if it is current, else a build of its own: others may be using `dist`. */
async function builtProgram(): Promise<{ path: string; remove(): Promise<void> }> {
  if (await isCurrent(join(ROOT, "dist/cli/main.js"))) {
    return { path: join(ROOT, "bin/pixcanary.js"), remove: async () => undefined };
  }
  await mkdir(join(ROOT, "dist"), { recursive: true });
  const folder = await mkdtemp(join(ROOT, "dist/runbook-"));
  await execa("tsup", ["--silent", "--out-dir", join(folder, "dist/cli")], {
    cwd: ROOT,
    preferLocal: true,
    timeout: HANG_MS,
  });
  const path = join(folder, "bin/pixcanary.js");
  await mkdir(join(folder, "bin"));
  await copyFile(join(ROOT, "bin/pixcanary.js"), path);
  await chmod(path, 0o755);
  return { path, remove: () => rm(folder, { recursive: true, force: true }) };
}

async function isCurrent(built: string): Promise<boolean> {
  const builtAtMs = await modifiedAt(built);
  if (builtAtMs === null) return false;
  const names = await readdir(join(ROOT, "src"), { recursive: true });
  const sources = names.filter((name) => name.endsWith(".ts"));
  const times = await Promise.all(sources.map((name) => modifiedAt(join(ROOT, "src", name))));
  return times.every((time) => time !== null && time <= builtAtMs);
}

async function modifiedAt(path: string): Promise<number | null> {
  const found = await stat(path).catch(() => null);
  return found?.mtimeMs ?? null;
}
