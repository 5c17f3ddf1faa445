/** Postgres for tests: PGlite behind its socket server. */
import { readFile } from "node:fs/promises";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";

export interface TestDatabase {
  url: string;
  /** Runs SQL directly, past the Worker. */
  sql(text: string): Promise<Record<string, unknown>[]>;
  /** Also puts "the database is down" into effect; safe to call again. */
  close(): Promise<void>;
}

export async function startDatabase(): Promise<TestDatabase> {
  const db = await PGlite.create();
  const schema = await readFile(new URL("../../worker/schema.sql", import.meta.url), "utf8");
  await db.exec(schema);
  await db.exec(schema);
  const server = new PGLiteSocketServer({ db, host: "127.0.0.1", port: 0, maxConnections: 50 });
  await server.start();
  let closed: Promise<void> | null = null;
  const address = server.getServerConn();
  return {
    url: `postgres://postgres:postgres@${address}/postgres`,
    sql: async (text) => (await db.query<Record<string, unknown>>(text)).rows,
    close: () => {
      closed ??= server.stop().then(() => db.close());
      return closed;
    },
  };
}
