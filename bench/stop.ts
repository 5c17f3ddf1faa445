/** How long a stop takes as a whole process, against the tools that one would use otherwise. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type SandboxDescription, startSandbox } from "../src/sandbox/index.ts";
import { alternate, type Goal, median, spread } from "./statistics.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const ROUNDS = 15;
const LIMIT_MS = 30_000;

/** The least that can be done: one process, one PUT. */
const BARE_SCRIPT = `
const { API, TOKEN, VALUE } = process.env;
const response = await fetch(API, { method: "PUT", headers: { authorization: "Bearer " + TOKEN }, body: VALUE });
if (!response.ok) throw new Error(String(response.status));
await response.text();
`;

export async function benchStop(): Promise<Goal[]> {
  const lag = { min: 0, max: 0 };
  const sandbox = await startSandbox({ locations: ["FRA"], lagMs: lag, rateLimits: false });
  const scratch = await mkdtemp(join(tmpdir(), "pixcanary-bench-"));
  try {
    const bare = join(scratch, "bare.mjs");
    await writeFile(bare, BARE_SCRIPT);
    return await compare(sandbox.description, bare, scratch);
  } finally {
    await sandbox.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

async function compare(d: SandboxDescription, bare: string, home: string): Promise<Goal[]> {
  const value = JSON.stringify({
    canary_percent: 0,
    canary_tag: "B2a",
    emergency_proxy: true,
    last_updated: new Date().toISOString(),
  });
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    API: `${d.apiBaseUrl}/accounts/${d.accountId}/storage/kv/namespaces/${d.kvNamespaceId}/values/config`,
    TOKEN: d.apiToken,
    VALUE: value,
    CLOUDFLARE_API_BASE_URL: d.apiBaseUrl,
    CLOUDFLARE_ACCOUNT_ID: d.accountId,
    CLOUDFLARE_API_TOKEN: d.apiToken,
    WRANGLER_SEND_METRICS: "false",
  };
  const cli = [join(ROOT, "bin/pixcanary.js"), "not-aus", "--config", d.configPath];
  const wrangler = [join(ROOT, "node_modules/wrangler/bin/wrangler.js"), "kv", "key", "put"];
  const target = ["--namespace-id", d.kvNamespaceId, "--remote", "config", value];
  const results = await alternate(
    [
      { name: "live", measure: () => run(cli, env, /live {5}stop at/) },
      { name: "exit", measure: () => run(cli, env) },
      { name: "bare", measure: () => run([bare], env) },
      { name: "wrangler", measure: () => run([...wrangler, ...target], env) },
    ],
    ROUNDS,
  );
  const of = (name: string) => results.get(name) ?? [];
  console.log(`  not-aus until live   ${spread(of("live"), "ms")}`);
  console.log(`  not-aus until exit   ${spread(of("exit"), "ms")}`);
  console.log(`  bare fetch script    ${spread(of("bare"), "ms")}`);
  console.log(`  wrangler kv key put  ${spread(of("wrangler"), "ms")}`);
  const live = median(of("live"));
  return [
    {
      what: "wrangler kv key put / not-aus until live",
      value: median(of("wrangler")) / live,
      reach: { least: 8 },
    },
    {
      what: "not-aus until live / bare fetch script",
      value: live / median(of("bare")),
      reach: { most: 2 },
    },
  ];
}

/** Milliseconds from the start of the process to its end, or to a line on stderr. */
function run(args: string[], env: NodeJS.ProcessEnv, until?: RegExp): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    let seenMs: number | null = null;
    let text = "";
    const child = spawn(process.execPath, args, { env, cwd: ROOT, timeout: LIMIT_MS });
    child.stderr.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (until?.test(text)) seenMs ??= performance.now() - startedMs;
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code !== 0) reject(new Error(`${args.join(" ")} ended with ${code}: ${text}`));
      else resolve(until === undefined ? performance.now() - startedMs : (seenMs ?? Number.NaN));
    });
  });
}
