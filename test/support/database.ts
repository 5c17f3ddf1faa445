/**
 * Postgres for sandboxes and Workers under test. Starting one costs half a second of processor time,
 * so those that a test file gives back are handed out again, emptied, to the next one of the process.
 * Each is a process of its own: its memory would make every start of a program from here slower.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { HANG_MS } from "./patience.ts";

const PROGRAM = fileURLToPath(new URL("database-process.ts", import.meta.url).href);

/** To compile its nine megabytes once more, with optimisation, costs more than it saves in a test. */
const QUICK_START = ["--liftoff-only"];

export interface LentDatabase {
  /** Without tables. */
  url: string;
  /** May be called twice. */
  giveBack(): void;
}

/** URLs. */
const free: string[] = [];

/** A database that nobody else uses until it is given back; it lives as long as the process. */
export async function borrowDatabase(): Promise<LentDatabase> {
  const url = free.pop() ?? (await startProcess());
  await empty(url);
  let lent = true;
  const giveBack = (): void => {
    if (lent) free.push(url);
    lent = false;
  };
  return { url, giveBack };
}

/** It ends with this process, which holds the other end of its standard input. */
async function startProcess(): Promise<string> {
  const child = spawn(process.execPath, [...QUICK_START, PROGRAM], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  const signal = AbortSignal.timeout(HANG_MS);
  const [url] = await Promise.race([
    once(lines, "line", { signal }) as Promise<[string]>,
    once(child, "exit", { signal }).then(([code]) => {
      throw new Error(`Postgres did not start: ${code}`);
    }),
  ]);
  child.unref();
  return url;
}

async function empty(url: string): Promise<void> {
  const limits = { connectionTimeoutMillis: HANG_MS, query_timeout: HANG_MS };
  const client = new pg.Client({ connectionString: url, ...limits });
  await client.connect();
  try {
    await client.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
  } finally {
    await client.end();
  }
}
