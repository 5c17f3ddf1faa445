/** Postgres through Hyperdrive: a client per request, as the pool is Hyperdrive's. */
import { Client } from "pg";
import { TimeLimitError, withLimit } from "../limit.ts";
import type { NativeContext } from "./context.ts";
import { outliveVisitor } from "./context.ts";
import { tellOfEnd } from "./database-socket.ts";
import { causeOf } from "./failure-cause.ts";

const DB_LIMIT_MS = 5_000;
/** Behind ours: a connection that the driver gives up looks like one that broke. */
const DRIVER_LIMIT_MS = DB_LIMIT_MS + 1_000;

export type Row = Record<string, unknown>;

export interface Database {
  query(text: string, values: readonly unknown[]): Promise<Row[]>;
}

/**
 * Connects, works, hangs up. A connect or query that fails or takes over 5 s throws and is counted
 * as `db_failure`, unless what was asked was wrong, and though the visitor has gone meanwhile; what
 * `work` itself throws is not.
 */
export async function withDatabase<T>(
  context: Pick<NativeContext, "env" | "count" | "waitUntil">,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const counted = async <R>(what: string, step: () => Promise<R>): Promise<R> => {
    try {
      return await withLimit(what, DB_LIMIT_MS, step());
    } catch (error) {
      const cause = causeOf(error);
      if (cause !== "client") context.count("db_failure", { cause });
      throw error;
    }
  };
  const kept = <R>(what: string, step: () => Promise<R>): Promise<R> =>
    outliveVisitor(context, counted(what, step));
  const client = newClient(context.env.HYPERDRIVE);
  try {
    await kept("database connect", async () => client.connect());
    return await work({
      query: (text, values) =>
        kept("database query", async () => (await client.query<Row>(text, [...values])).rows),
    });
  } finally {
    context.waitUntil(hangUp(client));
  }
}

function newClient(hyperdrive: Hyperdrive | undefined): Client {
  const client = new Client({
    connectionString: hyperdrive?.connectionString ?? "postgres://hyperdrive-is-not-bound.invalid/",
    connectionTimeoutMillis: DRIVER_LIMIT_MS,
    query_timeout: DRIVER_LIMIT_MS,
  });
  tellOfEnd(client);
  // A connection that breaks between queries is reported by the next query.
  client.on("error", () => undefined);
  return client;
}

async function hangUp(client: Client): Promise<void> {
  try {
    await withLimit("database end", DB_LIMIT_MS, client.end());
  } catch {
    // Nothing is left to be saved.
  }
}

/** One word for people: no host, user or query text. */
export function describeDatabaseError(error: unknown): string {
  if (error instanceof TimeLimitError) return "no answer in time";
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" ? `error ${code.slice(0, 40)}` : "connection failed";
}
