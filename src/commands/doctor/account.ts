/** What the API let us do, and the one cause where it let us do nothing: that is named once. */
import type { Sighting } from "../../domain/proof/expectation.ts";
import type { RawState } from "../../domain/state/state.ts";
import { roughDuration } from "../../domain/text/format.ts";
import type { TokenFacts } from "../../ports/api.ts";
import { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import { type Check, failed, passed, skipped, warned } from "../lib/check.ts";
import { asUpstream } from "../lib/write-result.ts";
import { tokenProblem } from "./token.ts";
import { UPSTREAM_FIXES } from "./upstream-fixes.ts";

/** What each call has come to. */
export interface Asked {
  token: TokenFacts | UpstreamError;
  namespace: { title: string } | UpstreamError;
  /** The accounts that the token sees, asked where it may not read the namespace. */
  accounts: string[] | null;
  writable: "read-back" | "written" | UpstreamError;
  raw: RawState | UpstreamError;
}

export type Attempt = <T>(work: Promise<T>) => Promise<T | UpstreamError>;

export const attempt: Attempt = (work) => work.catch(asUpstream);

export function isError(value: unknown): value is UpstreamError {
  return value instanceof UpstreamError;
}

/** All at once. Never throws. */
export async function askAccount(
  { account, store }: Pick<Ports, "account" | "store">,
  signal: AbortSignal,
): Promise<Asked> {
  const call = { signal };
  const named = async (): Promise<Pick<Asked, "namespace" | "accounts">> => {
    const namespace = await attempt(account.namespace(call));
    if (!isError(namespace) || namespace.kind !== "forbidden") return { namespace, accounts: null };
    return { namespace, accounts: await account.accounts(call).catch(() => null) };
  };
  const [token, name, writable, raw] = await Promise.all([
    attempt(account.token(call)),
    named(),
    attempt(account.writable(call)),
    attempt(store.read({ ...call, once: true })),
  ]);
  return { token, ...name, writable, raw };
}

/** Where nothing of the account can be asked: why. Null: something can. */
export function blockade(
  asked: Asked,
  sightings: readonly Sighting[],
  ports: Pick<Ports, "missingSecrets" | "target">,
  nowMs: number,
): Check | null {
  const all = [asked.token, asked.namespace, asked.raw];
  const errors = all.filter(isError);
  if (errors.length === all.length && errors.every(({ kind }) => kind === "unavailable")) {
    return unreachable(errors, sightings);
  }
  // Whatever is said of a token that has just read KV: it is good for that.
  const isGood = isError(asked.token) && !isError(asked.raw);
  const problem = isGood ? null : tokenProblem(asked.token, nowMs, ports);
  return problem ?? otherAccount(asked, ports);
}

/** Whoever has no network needs no new token. */
function unreachable(errors: readonly UpstreamError[], sightings: readonly Sighting[]): Check {
  const throttled = errors.find(({ status }) => status === 429);
  if (throttled !== undefined) {
    const { retryAfterMs } = throttled;
    const wait = retryAfterMs === null ? "5 min" : roughDuration(retryAfterMs / 1_000);
    const fix = `wait ${wait}; end what else asks with this token (scripts, CI)`;
    return failed("API", throttled.message, fix);
  }
  const answered = [...errors, ...sightings].some(({ status }) => status !== null);
  if (answered) {
    return failed("API", errors[0]?.message ?? "no answer", UPSTREAM_FIXES.unavailable);
  }
  const detail = "no network: neither the API nor any /qa could be reached";
  return failed("network", detail, "check this machine's network, then run doctor again");
}

function otherAccount(
  { accounts }: Pick<Asked, "accounts">,
  { target }: Pick<Ports, "target">,
): Check | null {
  const [other] = accounts ?? [];
  const wanted = target.accountId.toLowerCase();
  if (other === undefined || accounts?.some((id) => id.toLowerCase() === wanted)) return null;
  const detail = `the token is for account ${other}, pixcanary.json says ${target.accountId}`;
  return failed(
    "account",
    detail,
    "use a token of the account in pixcanary.json, or correct accountId",
  );
}

/** As wrangler names the one that it makes for development; an environment may be called preview, too. */
const PREVIEW = /_preview$/;

/** Where `blocked` is null. Two checks: the namespace, and whether it takes a write. */
export function namespaceChecks(
  { namespace, writable }: Asked,
  { target }: Pick<Ports, "target">,
): Check[] {
  const [name, write] = ["namespace", "KV write"];
  if (isError(namespace)) {
    const own = refusedBy(name, namespace);
    const same = isError(writable) && writable.kind === namespace.kind;
    return [own, same ? skipped(write, name) : writeCheck(write, writable)];
  }
  const { title } = namespace;
  const detail = `${title} (${target.namespaceId})`;
  if (!PREVIEW.test(title)) return [passed(name, detail), writeCheck(write, writable)];
  const fix = "set namespaceId to the id, not the preview_id, of KV_CANARY_CONFIG";
  const preview = failed(name, `${detail} is for wrangler dev: the Worker reads another`, fix);
  return [preview, writeCheck(write, writable)];
}

function writeCheck(name: string, writable: Asked["writable"]): Check {
  if (isError(writable)) return refusedBy(name, writable);
  if (writable === "read-back") return passed(name, "probe key written and read");
  return warned(name, "probe key written, too slowly to read it back", UPSTREAM_FIXES.unavailable);
}

export function refusedBy(name: string, error: UpstreamError): Check {
  return failed(name, error.message, UPSTREAM_FIXES[error.kind]);
}
