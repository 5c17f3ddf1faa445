/**
 * Runs a small program of ours inside one isolate of the real workerd, next to the real bundle if
 * asked for: loops of a million turns are not to cost a million HTTP requests.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { Pool } from "undici";
import { HANG_MS } from "../support/patience.ts";
import { ensureBundle } from "../worker/bundle.ts";

const COMPATIBILITY = {
  compatibilityDate: "2026-07-01",
  compatibilityFlags: ["nodejs_compat", "enable_request_signal"],
};

export interface Isolate {
  /** Posts the order to the program, whose answer must be JSON; throws on any other. */
  run<Result>(order: unknown): Promise<Result>;
  dispose(): Promise<void>;
}

/**
 * `program` is a file in this folder whose default export has a `fetch`. Each of the `workers` copies
 * of the real bundle, `worker-0.js` and so on, keeps state of its own.
 */
export async function startIsolate(
  program: string,
  options: { workers?: number } = {},
): Promise<Isolate> {
  const modules = [
    { type: "ESModule" as const, path: "program.js", contents: await compile(program) },
  ];
  const { workers = 0 } = options;
  const contents = workers === 0 ? "" : await readFile(await ensureBundle(), "utf8");
  for (let copy = 0; copy < workers; copy += 1) {
    modules.push({ type: "ESModule", path: `worker-${copy}.js`, contents });
  }
  const miniflare = new Miniflare({
    ...COMPATIBILITY,
    host: "127.0.0.1",
    port: 0,
    cf: false,
    modules,
    handleStructuredLogs: () => undefined,
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  });
  const { origin } = await miniflare.unsafeGetDirectURL();
  const pool = new Pool(origin, { headersTimeout: HANG_MS, bodyTimeout: HANG_MS });
  return {
    async run<Result>(order: unknown): Promise<Result> {
      const body = JSON.stringify(order);
      // A new connection each time: workerd may hang up on one after a long turn.
      const answer = await pool.request({ path: "/", method: "POST", body, reset: true });
      const text = await answer.body.text();
      if (answer.statusCode !== 200) throw new Error(`the program failed: ${text.slice(0, 2_000)}`);
      return JSON.parse(text) as Result;
    },
    async dispose() {
      await pool.close();
      await miniflare.dispose();
    },
  };
}

async function compile(program: string): Promise<string> {
  const result = await build({
    entryPoints: [fileURLToPath(new URL(program, import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    conditions: ["workerd", "worker"],
    logLevel: "silent",
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error(`${program} compiled to nothing`);
  return output.text;
}
