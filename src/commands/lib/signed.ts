/** The stop that goes to the Worker itself, beside the writes to the API. */
import { REACHED } from "../../domain/signed-stop/answer.ts";
import type { Carrier } from "../../domain/state/carriers.ts";
import type { StopDocument } from "../../domain/state/documents.ts";
import { LocalError, UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import { asUpstream } from "./write-result.ts";

/** How far a signed stop came; `carriers` are those of which the Worker says that they have it. */
export type SignedWrite =
  /** No operator key is configured. */
  | { kind: "off" }
  | {
      kind: "written";
      carriers: readonly Carrier[];
      /** Those that did not take it, or not yet. */
      lacking: readonly Carrier[];
      elapsedMs: number;
    }
  | { kind: "released" }
  | { kind: "failed"; error: UpstreamError };

export const SIGNED_OFF: SignedWrite = { kind: "off" };

/** Each that takes a stop writes KV and journal: the others are spared that where the first is as quick as this. */
const HEAD_START_MS = 200;

export interface Sending {
  /** The first that takes it is enough. Never rejects: no key keeps a stop back. */
  first: Promise<SignedWrite>;
  /** Of all that it was sent to, once they have answered, or failed: what they come to together. */
  all: Promise<SignedWrite>;
}

/** To the Worker at the first `/qa`; to the others as well, unless all carriers have it from there at once. */
export function sendSigned(
  { stopSender, qa, clock }: Pick<Ports, "stopSender" | "qa" | "clock">,
  stop: StopDocument,
  { signal, elapsed }: { signal: AbortSignal; elapsed: () => number },
): Sending {
  const [ahead, ...others] = qa.urls;
  if (stopSender === null || ahead === undefined) {
    return { first: Promise.resolve(SIGNED_OFF), all: Promise.resolve(SIGNED_OFF) };
  }
  const { id = "", at = "", reason = null } = stop;
  const sendTo = async (url: string): Promise<SignedWrite> => {
    try {
      const sent = await stopSender.send({ id, at, reason }, url, { signal });
      return sent.kind === "released" ? sent : { ...sent, elapsedMs: elapsed() };
    } catch (error) {
      return { kind: "failed", error: whyNot(error) };
    }
  };
  const begun = sendTo(ahead);
  const wanted = othersWanted(begun, clock.sleep(HEAD_START_MS, signal));
  const sent = [begun, ...others.map(async (url) => ((await wanted) ? sendTo(url) : SIGNED_OFF))];
  const written = sent.map(async (one) => {
    const result = await one;
    if (result.kind !== "written") throw new Error("not this one");
    return result;
  });
  const all = Promise.all(sent).then(together);
  return { first: Promise.any(written).catch(() => all), all };
}

/** False when the first has answered in time, and nothing is left for the others to do. */
function othersWanted(begun: Promise<SignedWrite>, late: Promise<void>): Promise<boolean> {
  const isLeft = begun.then((result) => {
    const isDone = result.kind === "written" && result.lacking.length === 0;
    return !(isDone || result.kind === "released");
  });
  const wanted = () => true;
  return Promise.race([isLeft, late.then(wanted, wanted)]);
}

/** What this machine refuses was never sent. */
function whyNot(error: unknown): UpstreamError {
  if (!(error instanceof LocalError)) return asUpstream(error);
  return new UpstreamError("unavailable", error.message, { cause: error });
}

/** What to type against what this machine refuses; null where nothing is known to help. */
export function localFixOf(write: SignedWrite): string | null {
  const cause = write.kind === "failed" ? write.error.cause : null;
  return cause instanceof LocalError ? cause.fix : null;
}

/** One that took it is enough; what is not known to have failed counts before what is. */
function together(results: readonly SignedWrite[]): SignedWrite {
  const written = results.flatMap((one) => (one.kind === "written" ? [one] : []));
  if (written.length > 0) {
    const carriers = REACHED.filter((name) => written.some((one) => one.carriers.includes(name)));
    const lacking = REACHED.filter(
      (name) => !carriers.includes(name) && written.some((one) => one.lacking.includes(name)),
    );
    const elapsedMs = Math.min(...written.map((one) => one.elapsedMs));
    return { kind: "written", carriers, lacking, elapsedMs };
  }
  const released = results.find(({ kind }) => kind === "released");
  const failed = results.flatMap((one) => (one.kind === "failed" ? [one] : []));
  const ambiguous = failed.find(({ error }) => error.kind === "ambiguous");
  return released ?? ambiguous ?? failed[0] ?? SIGNED_OFF;
}
