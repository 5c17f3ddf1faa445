/**
 * chDB in a process of its own, spoken to over Node's IPC. In the sandbox's own process it would
 * replace signal handlers (SIGSEGV, which V8 needs for WebAssembly, SIGTSTP and others), block
 * SIGPIPE, and allow one data directory per process, thus one sandbox.
 */
import { rmSync } from "node:fs";
import type { Session } from "chdb";
import { BLOB_COLUMNS, DOUBLE_COLUMNS } from "./sql-words.ts";

export type ChildRequest =
  | { id: number; kind: "insert"; dataset: string; lines: string }
  | { id: number; kind: "select"; sql: string; format: string }
  | { id: number; kind: "forget"; dataset: string };
export type ChildReply = { id: number; text: string } | { id: number; error: string };

/** Of each dataset; the oldest go first, in blocks. */
const KEPT_ROWS = { min: 200_000, max: 300_000 };
const QUERY_LIMIT_S = 5;

const directory = process.argv[2] ?? "";
// The terminal sends Ctrl-C to every process; this one ends when its parent has cleaned up.
process.on("SIGINT", () => undefined);
// The last word: also when the parent was killed and could not clean up.
process.on("disconnect", () => {
  rmSync(directory, { recursive: true, force: true });
  process.exit(0);
});

const session = open();
let turn: Promise<void> = Promise.resolve();
process.on("message", (request: ChildRequest) => {
  turn = turn.then(async () => {
    process.send?.(await answer(request));
  });
});

async function open(): Promise<Session> {
  const { Session } = await import("chdb");
  const opened = new Session(directory);
  // As Analytics Engine writes them.
  opened.query("SET output_format_json_quote_64bit_integers = 1");
  opened.query(`SET max_execution_time = ${QUERY_LIMIT_S}, max_threads = 2`);
  return opened;
}

async function answer(request: ChildRequest): Promise<ChildReply> {
  try {
    return { id: request.id, text: await perform(await session, request) };
  } catch (error) {
    return { id: request.id, error: error instanceof Error ? error.message : "unknown error" };
  }
}

async function perform(chdb: Session, request: ChildRequest): Promise<string> {
  switch (request.kind) {
    case "select":
      // The second wall behind the checks of sql.ts: no file(), no url(), no writes.
      return chdb.query(`${request.sql} SETTINGS readonly = 1`, request.format);
    case "forget":
      return chdb.query(`TRUNCATE TABLE IF EXISTS ${request.dataset}`);
    case "insert":
      chdb.query(createTable(request.dataset));
      await chdb.insert({
        table: request.dataset,
        values: Buffer.from(request.lines),
        format: "JSONEachRow",
      });
      return "";
  }
}

function createTable(dataset: string): string {
  const columns = [
    "dataset String, timestamp DateTime('UTC'), _sample_interval UInt32, index1 String",
    ...BLOB_COLUMNS.map((name) => `${name} String`),
    ...DOUBLE_COLUMNS.map((name) => `${name} Float64`),
  ].join(", ");
  const kept = `min_rows_to_keep = ${KEPT_ROWS.min}, max_rows_to_keep = ${KEPT_ROWS.max}`;
  return `CREATE TABLE IF NOT EXISTS ${dataset} (${columns}) ENGINE = Memory SETTINGS ${kept}`;
}
