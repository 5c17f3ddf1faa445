/** How long a stop takes as a whole process, against the tools that one would use otherwise. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { SandboxDescription } from "../src/sandbox/index.ts";
import { alternate, type Goal, median, spread } from "./statistics.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SANDBOX = fileURLToPath(new URL("sandbox-process.ts", import.meta.url));
const ROUNDS = 30;
const LOCATIONS = ["FRA", "IAD", "AMS"];
const LIMIT_MS = 30_000;

/** The least that can be done: one process, one PUT. */
const BARE_SCRIPT = `
const { API, TOKEN, VALUE } = process.env;
const response = await fetch(API, { method: "PUT", headers: { authorization: "Bearer " + TOKEN }, body: VALUE });
if (!response.ok) throw new Error(String(response.status));
await response.text();
`;

export async function benchStop(): Promise<Goal[]> {
  const sandbox = spawn(process.execPath, [SANDBOX, ...LOCATIONS], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface({ input: sandbox.stdout }), "line")) as [string];
  const scratch = await mkdtemp(join(tmpdir(), "pixcanary-bench-"));
  try {
    const bare = join(scratch, "bare.mjs");
    await writeFile(bare, BARE_SCRIPT);
    return await compare(JSON.parse(line) as SandboxDescription, bare, scratch);
  } finally {
    sandbox.stdin.end();
    await once(sandbox, "exit");
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
  const live = (times: number) => new RegExp(`(live {5}stop at[^]*){${times}}`);
  const contenders = {
    "not-aus until first live": () => run(cli, env, live(1)),
    "not-aus until all live": () => run(cli, env, live(LOCATIONS.length)),
    "not-aus until exit": () => run(cli, env),
    "bare fetch script": () => run([bare], env),
    "wrangler kv key put": () => run([...wrangler, ...target], env),
  };
  const list = Object.entries(contenders).map(([name, measure]) => ({ name, measure }));
  const results = await alternate(list, ROUNDS);
  const of = (name: keyof typeof contenders) => results.get(name) ?? [];
  for (const { name } of list) {
    console.log(`  ${name.padEnd(26)} ${spread(results.get(name) ?? [], "ms")}`);
  }
  const ratio = (
    above: keyof typeof contenders,
    below: keyof typeof contenders,
    reach: Goal["reach"],
  ): Goal => ({
    what: `${above} / ${below}`,
    value: median(of(above)) / median(of(below)),
    reach,
  });
  return [
    ratio("wrangler kv key put", "not-aus until first live", { least: 8 }),
    ratio("wrangler kv key put", "not-aus until exit", { least: 6 }),
    ratio("not-aus until exit", "bare fetch script", { most: 2 }),
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
