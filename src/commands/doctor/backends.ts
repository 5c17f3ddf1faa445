/** `doctor --deep`: what native stands on, the database and R2 (the runbook's section 5). */
import { escapeForTerminal } from "../../domain/text/escape.ts";
import { counted, roughDuration } from "../../domain/text/format.ts";
import type { ActiveQuery, DatabaseLook } from "../../ports/backends.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Check } from "../lib/check.ts";
import { asUpstream } from "../lib/write-result.ts";
import { noR2Fix } from "./upstream-fixes.ts";

/** The user's runbook pages at 80 % of a pool; from 95 % on, the next deployment finds no connection. */
const FULL_PERCENT = 80;
const FAILING_PERCENT = 95;
/** Native's own requests end within seconds. */
const LONG_S = 60;
const QUERY_CHARS = 60;

type Backends = Pick<Ports, "database" | "media">;

/** Reads, but for one object of its own. Never throws. */
export async function backendChecks(ports: Backends, signal: AbortSignal): Promise<Check[]> {
  const checks = await Promise.all([databaseChecks(ports, signal), mediaChecks(ports, signal)]);
  return checks.flat();
}

async function databaseChecks({ database }: Backends, signal: AbortSignal): Promise<Check[]> {
  try {
    return checksOf(await database.look({ signal }));
  } catch (thrown) {
    const { kind, message } = asUpstream(thrown);
    const check = { name: "database", detail: message, fix: DATABASE_FIXES[kind] ?? LATER };
    return [{ ...check, result: MAY_NOT_LOOK.includes(kind) ? "warn" : "fail" }];
  }
}

const MAY_NOT_LOOK: readonly UpstreamError["kind"][] = [
  "not-found",
  "auth",
  "forbidden",
  "rejected",
];
const LATER = "look in the database's own console; can this machine reach it?";
const MAY_LOOK = "GRANT pg_monitor TO the user of DATABASE_URL";
const DATABASE_FIXES: Partial<Record<UpstreamError["kind"], string>> = {
  "not-found": "export DATABASE_URL=postgres://…   # a user with pg_monitor",
  auth: "check user and password in DATABASE_URL",
  forbidden: MAY_LOOK,
  rejected: "export DATABASE_URL=postgres://user:password@host/name",
};

/** Exported for its test: what a look comes to. */
export function checksOf(look: DatabaseLook): Check[] {
  return [connectionsCheck(look), queriesCheck(look)];
}

function connectionsCheck({ connections, limit, states, hidden }: DatabaseLook): Check {
  const name = "connections";
  if (connections === 0) {
    const detail = `the server lists no connection, not even this one (limit ${limit})`;
    return { name, result: "warn", detail, fix: LATER };
  }
  const percent = (connections / limit) * 100;
  const parts = Object.entries(states).map(
    ([state, count]) => `${count} ${escapeForTerminal(state)}`,
  );
  const told = parts.length === 0 ? "" : ` (${parts.join(", ")})`;
  const detail = `${connections} of ${limit}, ${percent.toFixed(0)} %${told}`;
  // Also for what is no number: that is not "enough left".
  if (!(percent < FULL_PERCENT)) {
    const result = percent < FAILING_PERCENT ? "warn" : "fail";
    return { name, result, detail, fix: "lower the pool's size in Hyperdrive, or raise the limit" };
  }
  if (hidden === 0) return { name, result: "pass", detail, fix: null };
  const unseen = `${detail}; ${counted(hidden, "connection")} of other users hidden from this one`;
  return { name, result: "warn", detail: unseen, fix: MAY_LOOK };
}

function queriesCheck({ active, hidden }: DatabaseLook): Check {
  const name = "queries";
  const [longest] = active;
  if (longest === undefined && hidden > 0) {
    const detail = "none of this user's; those of other users are hidden from it";
    return { name, result: "warn", detail, fix: MAY_LOOK };
  }
  if (longest === undefined) {
    return { name, result: "pass", detail: "none active but this one", fix: null };
  }
  const detail = active.map(queryText).join("; ");
  if (longest.seconds < LONG_S) return { name, result: "pass", detail, fix: null };
  const fix = `look at it, then: SELECT pg_cancel_backend(${longest.pid})`;
  return { name, result: "warn", detail, fix };
}

function queryText({ pid, seconds, query }: ActiveQuery): string {
  const line = query.replace(/\s+/g, " ").trim();
  const cut = line.length > QUERY_CHARS ? `${line.slice(0, QUERY_CHARS)}…` : line;
  return `${roughDuration(seconds)} pid ${pid} ${escapeForTerminal(cut)}`;
}

async function mediaChecks({ media }: Backends, signal: AbortSignal): Promise<Check[]> {
  const { bucket } = media;
  if (bucket === null) {
    const fix = 'set "mediaBucket" in pixcanary.json to native\'s bucket';
    return [{ name: "R2", result: "warn", detail: "no media bucket configured", fix }];
  }
  try {
    await media.tryOut({ signal });
    const detail = `${bucket}: an object written, read and deleted`;
    return [{ name: "R2", result: "pass", detail, fix: null }];
  } catch (thrown) {
    const error = asUpstream(thrown);
    const { kind, message } = error;
    if (kind === "not-found") {
      const detail = `no bucket ${bucket} in this account`;
      return [{ name: "R2", result: "fail", detail, fix: 'check "mediaBucket" in pixcanary.json' }];
    }
    const refused = kind === "auth" || kind === "forbidden";
    const fix = refused
      ? "give the token Workers R2 Storage: Edit"
      : (noR2Fix(error) ?? "check www.cloudflarestatus.com, then run doctor --deep again");
    return [{ name: "R2", result: refused ? "warn" : "fail", detail: message, fix }];
  }
}
