/**
 * Postgres for sandboxes and Workers under test. Starting one costs half a second of processor time,
 * so those that a test file gives back are handed out again, emptied, to the next one of the process.
 */
import pg from "pg";
import { type Database, startDatabase } from "../../src/sandbox/database/database.ts";
import { packageRoot } from "../../src/sandbox/edge/bundle.ts";

const LIMIT_MS = 10_000;

export interface LentDatabase {
  /** Without tables. */
  url: string;
  /** May be called twice. */
  giveBack(): void;
}

const free: Database[] = [];

/** A database that nobody else uses until it is given back; it lives as long as the process. */
export async function borrowDatabase(): Promise<LentDatabase> {
  const database = free.pop() ?? (await startDatabase({ root: packageRoot() }));
  await empty(database.url);
  let lent = true;
  const giveBack = (): void => {
    if (lent) free.push(database);
    lent = false;
  };
  return { url: database.url, giveBack };
}

async function empty(url: string): Promise<void> {
  const limits = { connectionTimeoutMillis: LIMIT_MS, query_timeout: LIMIT_MS };
  const client = new pg.Client({ connectionString: url, ...limits });
  await client.connect();
  try {
    await client.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
  } finally {
    await client.end();
  }
}
