/** Connections and queries of native's Postgres. A bundle of its own: few commands need a driver. */
import pg from "pg";
import type { ActiveQuery, DatabaseLook } from "../ports/backends.ts";
import type { UpstreamKind } from "../ports/errors.ts";
import { type Redact, remoteText } from "./redact.ts";
import { networkWords } from "./transport.ts";

const LIMIT_MS = 5_000;
const SCHEMES = ["postgres:", "postgresql:"];
const MOST_QUERIES = 5;

/** To who lacks pg_monitor, others' sessions are of no kind; processes of the server itself are in no database. */
const CLIENTS = `
  FROM pg_catalog.pg_stat_activity
  WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'`;
const STATES = `
  SELECT coalesce(state, 'unknown') AS state, count(*)::int AS connections,
    count(*) FILTER (WHERE query = '<insufficient privilege>')::int AS hidden
  ${CLIENTS} GROUP BY 1`;
const ACTIVE = `
  SELECT pid, extract(epoch FROM now() - query_start)::float8 AS seconds, left(query, 300) AS query
  ${CLIENTS} AND state = 'active' AND pid <> pg_backend_pid() ORDER BY query_start LIMIT ${MOST_QUERIES}`;

interface StateRow {
  state: string;
  connections: number;
  hidden: number;
}

/** Why there was nothing to see. Not an error: the class of this bundle is not that of the program's. */
export interface Unseen {
  kind: UpstreamKind;
  because: string;
}

/** One connection, one transaction that may only read. */
export async function lookAtDatabase(
  url: string,
  { signal, redact }: { signal: AbortSignal; redact: Redact },
): Promise<DatabaseLook | Unseen> {
  const client = clientFor(url);
  if (client === null) {
    return { kind: "rejected", because: "DATABASE_URL is not an address like postgres://…" };
  }
  // It also ends the connection when nobody waits for an answer any more.
  client.on("error", () => undefined);
  const leave = (): void => void client.end().catch(() => undefined);
  signal.addEventListener("abort", leave, { once: true });
  try {
    signal.throwIfAborted();
    await client.connect();
    return await read(client);
  } catch (error) {
    return toUnseen(error, signal, redact);
  } finally {
    signal.removeEventListener("abort", leave);
    leave();
  }
}

/**
 * Null for what is no address: the driver would take it for the name of a database on this machine, and Node's own
 * words for it would hold it all, password included.
 */
function clientFor(url: string): pg.Client | null {
  const address = URL.parse(url);
  if (address === null || !SCHEMES.includes(address.protocol) || address.hostname === "")
    return null;
  try {
    return new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: LIMIT_MS,
      query_timeout: LIMIT_MS,
      application_name: "pixcanary doctor",
    });
  } catch {
    return null;
  }
}

async function read(client: pg.Client): Promise<DatabaseLook> {
  await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${LIMIT_MS}`);
  const limit = await client.query<{ max_connections: string }>("SHOW max_connections");
  const states = (await client.query<StateRow>(STATES)).rows;
  const active = (await client.query<ActiveQuery>(ACTIVE)).rows;
  await client.query("ROLLBACK");
  const sum = (of: "connections" | "hidden") => states.reduce((all, row) => all + row[of], 0);
  return {
    connections: sum("connections"),
    limit: Number(limit.rows[0]?.max_connections),
    states: Object.fromEntries(states.map((row) => [row.state, row.connections])),
    active,
    hidden: sum("hidden"),
  };
}

/** SQLSTATE: class 28 is a wrong login, 42501 a missing privilege. */
function toUnseen(error: unknown, signal: AbortSignal, redact: Redact): Unseen {
  if (signal.aborted) return { kind: "deadline", because: "no answer in time" };
  if (!(error instanceof pg.DatabaseError)) {
    return { kind: "unavailable", because: networkWords(error, redact) };
  }
  const { code = "", message } = error;
  const kind = code.startsWith("28") ? "auth" : code === "42501" ? "forbidden" : "unavailable";
  return { kind, because: remoteText(redact, message) };
}
