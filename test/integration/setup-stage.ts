/** An empty account, an operator with a token, a folder with wrangler's file: what `setup` begins with. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { createClock } from "../../src/adapters/clock.ts";
import type { Cloudflare } from "../../src/sandbox/api/start.ts";
import type { CentralStore } from "../../src/sandbox/kv/central-store.ts";
import { ACCOUNT, type ApiUnderTest, startApi } from "../sandbox/api-harness.ts";
import { type CliResult, PLAIN_ENV } from "../support/cli.ts";
import { type HereOptions, runHere } from "../support/here.ts";

export const R2_SECRET = "0f8b3c1d5e7a9b2c4d6e8f0a1b3c5d7e9f0a2b4c6d8e0f1a3b5c7d9e1f2a4b6c";
export const R2_KEY = `a1b2c3d4e5f60718293a4b5c6d7e8f90:${R2_SECRET}`;
export const QA_URL = "http://127.0.0.1:1/qa";

export const WRANGLER = `{
  // The Worker of the canary.
  "name": "pix-sandbox",
  "main": "index.ts", /* not touched */
  "vars": {
    "GUARDIAN": "observe", // off, observe or enforce

    "CLOUDFLARE_ACCOUNT_ID": "00000000000000000000000000000000"
  },
  "kv_namespaces": [
    { "binding": "OTHER", "id": "00000000000000000000000000000009" },
    { "binding": "KV_CANARY_CONFIG", "id": "00000000000000000000000000000001" }, // of the canary
  ],
  "r2_buckets": [{ "binding": "MEDIA", "bucket_name": "piximmo-media" }]
}
`;

export interface Stage {
  api: ApiUnderTest;
  /** Home and working directory. */
  dir: string;
  env: Record<string, string>;
  setup(
    words: readonly string[],
    more?: Readonly<Record<string, string>>,
    options?: Pick<HereOptions, "clock" | "interrupt">,
  ): Promise<CliResult>;
  close(): Promise<void>;
}

/** Retries wait for nothing: what is shown does not depend on the time. */
export const IMPATIENT = { ...createClock(), sleep: async () => undefined };

export async function stageSetup(wrangler: string | null = WRANGLER): Promise<Stage> {
  const api = await startApi({ empty: true });
  const dir = await mkdtemp(join(tmpdir(), "pixcanary-setup-"));
  if (wrangler !== null) await writeFile(join(dir, "wrangler.jsonc"), wrangler);
  const env = {
    ...PLAIN_ENV,
    HOME: dir,
    XDG_STATE_HOME: join(dir, "state"),
    CI: "true",
    CLOUDFLARE_API_BASE_URL: api.base,
    CLOUDFLARE_API_TOKEN: api.token("full"),
    CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
    PIXCANARY_R2_KEY: R2_KEY,
  };
  return {
    api,
    dir,
    env,
    setup: (words, more = {}, options = {}) => {
      const all = ["setup", "--env", "production", "--qa-url", QA_URL, ...words];
      return runHere(all, { env: { ...env, ...more }, cwd: dir, clock: IMPATIENT, ...options });
    },
    async close() {
      await api.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Requests that change something, as "METHOD path". */
export function writes({ api }: Pick<Stage, "api">): string[] {
  return api.server
    .requests()
    .filter(({ method }) => method !== "GET")
    .map(({ method, path }) => `${method} ${path}`);
}

/** Every file below the folder, by name, with its mode. */
export async function filesIn(
  dir: string,
): Promise<Record<string, { text: string; mode: string }>> {
  await mkdir(dir, { recursive: true });
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const read = files.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    const mode = ((await stat(path)).mode & 0o777).toString(8);
    return [relative(dir, path), { text: await readFile(path, "utf8"), mode }] as const;
  });
  return Object.fromEntries((await Promise.all(read)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Account and files in a form that two set-ups can be compared in: without times, ids and secrets. */
export async function stateOf(stage: {
  api: { held: Cloudflare["held"]; store: CentralStore; base: string };
  dir: string;
}): Promise<string> {
  const { held, store, base } = stage.api;
  const values = ["stop", "config"].map((key) => [key, store.text(key)]);
  const files = await filesIn(stage.dir);
  const secret = [...held.secrets.values()].flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
  ]);
  const whole = JSON.stringify(
    {
      namespaces: held.namespaces.list(),
      buckets: [...held.buckets].sort(),
      jobs: held.jobs,
      secrets: [...held.secrets.keys()].sort(),
      values,
      files,
      sameToken:
        files[".config/pixcanary/production/qa-token"]?.text.trim() ===
        held.secrets.get("QA_TOKEN"),
    },
    null,
    2,
  );
  return secret
    .reduce((text, value) => text.replaceAll(JSON.stringify(value).slice(1, -1), "<secret>"), whole)
    .replaceAll(stage.dir, "<dir>")
    .replaceAll(base, "<api>")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
    .replace(/[0-9A-HJKMNP-TV-Z]{26}/g, "<ulid>");
}
