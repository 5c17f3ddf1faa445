/** How long `doctor` takes as a whole process: healthy, and where what it asks does not answer. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { SandboxDescription } from "../src/sandbox/index.ts";
import { alternate, type Goal, median, spread } from "./statistics.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SANDBOX = fileURLToPath(new URL("sandbox-process.ts", import.meta.url));
const ROUNDS = 7;
const LIMIT_S = 5;

export async function benchDoctor(): Promise<Goal[]> {
  const sandbox = spawn(process.execPath, [SANDBOX, "FRA", "IAD", "AMS"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface({ input: sandbox.stdout }), "line")) as [string];
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const scratch = await mkdtemp(join(tmpdir(), "pixcanary-bench-"));
  try {
    const hanging = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    return await measureAll(JSON.parse(line) as SandboxDescription, hanging, scratch);
  } finally {
    silent.closeAllConnections();
    silent.close();
    sandbox.stdin.end();
    await once(sandbox, "exit");
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Each takes the answers of one part away. */
async function measureAll(d: SandboxDescription, hanging: string, home: string): Promise<Goal[]> {
  const kinds: Readonly<Record<string, object>> = {
    healthy: {},
    "/qa hangs": { qaUrls: [`${hanging}/qa`] },
    "the API hangs": { apiBaseUrl: `${hanging}/client/v4` },
    "both hang": { qaUrls: [`${hanging}/qa`], apiBaseUrl: `${hanging}/client/v4` },
    "no such host": { qaUrls: ["https://qa.invalid/qa"] },
    "no network": { qaUrls: ["http://127.0.0.1:1/qa"], apiBaseUrl: "http://127.0.0.1:1/client/v4" },
  };
  const { environments } = JSON.parse(await readFile(d.configPath, "utf8")) as {
    environments: { sandbox: object };
  };
  const contenders = Object.entries(kinds).map(([name, changed], nth) => {
    const path = join(home, `pixcanary-${nth}.json`);
    const sandbox = { ...environments.sandbox, ...changed };
    const written = writeFile(path, JSON.stringify({ environments: { sandbox } }));
    return { name, measure: () => written.then(() => run(path, home)) };
  });
  const results = await alternate(contenders, ROUNDS);
  return contenders.map(({ name }) => {
    const took = results.get(name) ?? [];
    console.log(`  ${name.padEnd(26)} ${spread(took, "ms")}`);
    return { what: `doctor, ${name} (s)`, value: median(took) / 1_000, reach: { most: LIMIT_S } };
  });
}

/** Milliseconds from the start of the process to its end, whatever it finds. */
async function run(config: string, home: string): Promise<number> {
  const env = { PATH: process.env.PATH, HOME: home, PIXCANARY_ALLOWED_HOSTS: "qa.invalid" };
  const startedMs = performance.now();
  const args = [join(ROOT, "bin/pixcanary.js"), "doctor", "--config", config];
  const child = spawn(process.execPath, args, { env, cwd: ROOT, stdio: "ignore", timeout: 30_000 });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0 && code !== 20) throw new Error(`doctor ended with ${code}`);
  return performance.now() - startedMs;
}
