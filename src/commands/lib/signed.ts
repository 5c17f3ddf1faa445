/** The stop that goes to the Worker itself, beside the writes to the API. */
import type { StopDocument } from "../../domain/state/documents.ts";
import { LocalError, UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import { asUpstream } from "./write-result.ts";

/** How far a signed stop came; `carriers` are those of which the Worker says that they have it. */
export type SignedWrite =
  /** No operator key is configured. */
  | { kind: "off" }
  | { kind: "written"; carriers: readonly string[]; elapsedMs: number }
  | { kind: "released" }
  | { kind: "failed"; error: UpstreamError };

export const SIGNED_OFF: SignedWrite = { kind: "off" };

export interface Sending {
  /** The first that takes it is enough. Never rejects: no key keeps a stop back. */
  first: Promise<SignedWrite>;
  /** All have answered, or failed. */
  all: Promise<unknown>;
}

/** To the Worker at every `/qa` at once. */
export function sendSigned(
  { stopSender, qa }: Pick<Ports, "stopSender" | "qa">,
  stop: StopDocument,
  { signal, elapsed }: { signal: AbortSignal; elapsed: () => number },
): Sending {
  if (stopSender === null) return { first: Promise.resolve(SIGNED_OFF), all: Promise.resolve() };
  const { id = "", at = "", reason = null } = stop;
  const sendTo = async (url: string): Promise<SignedWrite> => {
    try {
      const sent = await stopSender.send({ id, at, reason }, url, { signal });
      return sent.kind === "released" ? sent : { ...sent, elapsedMs: elapsed() };
    } catch (error) {
      return { kind: "failed", error: whyNot(error) };
    }
  };
  const sent = qa.urls.map(sendTo);
  const written = sent.map(async (one) => {
    const result = await one;
    if (result.kind !== "written") throw new Error("not this one");
    return result;
  });
  const all = Promise.all(sent);
  return { first: Promise.any(written).catch(async () => worstOf(await all)), all };
}

/** What this machine refuses was never sent. */
function whyNot(error: unknown): UpstreamError {
  if (!(error instanceof LocalError)) return asUpstream(error);
  return new UpstreamError("unavailable", error.message, { cause: error });
}

/** What is not known to have failed counts before what is. */
function worstOf(results: readonly SignedWrite[]): SignedWrite {
  const released = results.find(({ kind }) => kind === "released");
  const failed = results.flatMap((one) => (one.kind === "failed" ? [one] : []));
  const ambiguous = failed.find(({ error }) => error.kind === "ambiguous");
  return released ?? ambiguous ?? failed[0] ?? SIGNED_OFF;
}
