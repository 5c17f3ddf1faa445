/**
 * Runs a small program of ours inside one isolate of the real workerd, next to the real bundle if
 * asked for: loops of a million turns are not to cost a million HTTP requests.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { Pool } from "undici";
import { ensureBundle } from "../worker/bundle.ts";

const COMPATIBILITY = {
  compatibilityDate: "2026-07-01",
  compatibilityFlags: ["nodejs_compat"],
};
/** What a program imports the real bundle by. */
const WORKER_MODULE = "worker-under-test.js";
const TURN_LIMIT_MS = 60_000;

export interface Isolate {
  /** Posts the order to the program, whose answer must be JSON; throws on any other. */
  run<Result>(order: unknown): Promise<Result>;
  dispose(): Promise<void>;
}

/** `program` is a file in this folder whose default export has a `fetch`. */
export async function startIsolate(
  program: string,
  options: { withWorker?: boolean } = {},
): Promise<Isolate> {
  const modules = [
    { type: "ESModule" as const, path: "program.js", contents: await compile(program) },
  ];
  if (options.withWorker === true) {
    const contents = await readFile(await ensureBundle(), "utf8");
    modules.push({ type: "ESModule", path: WORKER_MODULE, contents });
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
  const pool = new Pool(origin, { headersTimeout: TURN_LIMIT_MS, bodyTimeout: TURN_LIMIT_MS });
  return {
    async run<Result>(order: unknown): Promise<Result> {
      const answer = await pool.request({ path: "/", method: "POST", body: JSON.stringify(order) });
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
