/** The Worker's database: embedded or given, behind a port that can be switched off. */
import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PGlite } from "@electric-sql/pglite";
import { servePglite } from "./pglite-server.ts";
import { TcpSwitch } from "./tcp-switch.ts";

export interface Database {
  /** Through the switch. */
  url: string;
  gate: TcpSwitch;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Where worker/schema.sql is. */
  root: string;
  databaseUrl?: string;
}

const POSTGRES_PORT = 5_432;

/** The given one cannot be used. Never names the URL: it may hold a password. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  readonly hint = "pixcanary sandbox    (without --database-url: the embedded database)";
  constructor({ hostname, port }: URL, cause: unknown) {
    const code = cause instanceof Error && "code" in cause ? cause.code : null;
    const said = cause instanceof Error && cause.message !== "" ? cause.message : code;
    super(`the database at ${hostname}:${port || POSTGRES_PORT} cannot be used: ${said}`, {
      cause,
    });
  }
}

export async function startDatabase(options: DatabaseOptions): Promise<Database> {
  const schema = await readSchema(options.root);
  return options.databaseUrl === undefined
    ? startEmbedded(options.root, schema)
    : startGiven(options.databaseUrl, schema);
}

async function startEmbedded(root: string, schema: string): Promise<Database> {
  const db = await createPglite(root);
  await db.exec(schema);
  const server = await servePglite(db);
  const gate = new TcpSwitch({ host: "127.0.0.1", port: server.port });
  const port = await gate.start();
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres?sslmode=disable`,
    gate,
    async close() {
      await gate.close();
      await server.close();
      await db.close();
    },
  };
}

async function startGiven(databaseUrl: string, schema: string): Promise<Database> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  const url = new URL(databaseUrl);
  try {
    await client.connect();
    await client.query(schema).finally(() => client.end());
  } catch (error) {
    throw new DatabaseError(url, error);
  }
  const gate = new TcpSwitch({ host: url.hostname, port: Number(url.port) || POSTGRES_PORT });
  url.port = String(await gate.start());
  url.hostname = "127.0.0.1";
  return { url: url.href, gate, close: () => gate.close() };
}

async function readSchema(root: string): Promise<string> {
  const path = join(root, "worker/schema.sql");
  return existsSync(path) ? readFile(path, "utf8") : "SELECT 1";
}

/**
 * Initialising a cluster takes seconds, restoring an image of one a fraction: the image is kept in
 * the customary cache directory, and everything works without it.
 */
async function createPglite(root: string): Promise<PGlite> {
  const { PGlite: Pglite } = await import("@electric-sql/pglite");
  const path = await imagePath(root);
  if (existsSync(path)) {
    try {
      return await Pglite.create({ loadDataDir: new Blob([await readFile(path)]) });
    } catch {
      await rm(path, { force: true });
    }
  }
  const db = await Pglite.create();
  await saveImage(db, path).catch(() => undefined);
  return db;
}

async function imagePath(root: string): Promise<string> {
  const manifest = join(root, "node_modules/@electric-sql/pglite/package.json");
  const identity = existsSync(manifest) ? await readFile(manifest) : "unknown";
  const version = createHash("sha256").update(identity).digest("hex").slice(0, 12);
  return join(root, `node_modules/.cache/pixcanary/pgdata-${version}.tar`);
}

async function saveImage(db: PGlite, path: string): Promise<void> {
  const dump = await db.dumpDataDir("none");
  const unfinished = `${path}.${randomUUID()}`;
  await mkdir(join(path, ".."), { recursive: true });
  try {
    await writeFile(unfinished, new Uint8Array(await dump.arrayBuffer()));
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
}
