/** How a command that makes things ends when one of its steps has thrown. */
import { LocalError, UpstreamError } from "../../ports/errors.ts";
import { interruptedBy, type Outcome } from "../command.ts";

interface Ending<T> {
  interrupt: AbortSignal;
  /** Of the command's time; without it a limit is a failure of the API like any other. */
  limit?: AbortSignal;
  truth: string;
  next: string;
  data?: T | undefined;
  /** The permission, where it is known which. */
  lacks?: string | null;
}

/** Throws what is neither the API's nor this machine's: a bug. */
export function endedBy<T>(error: unknown, ending: Ending<T>): Outcome<T> {
  const { interrupt, limit, truth, next, data, lacks = null } = ending;
  const common = { truth, next, ...(data === undefined ? {} : { data }) };
  const signal = interruptedBy(interrupt);
  if (signal !== null) return { kind: "interrupted", signal, ...common };
  if (error instanceof LocalError) {
    return { kind: "failed", code: "usage", message: error.message, ...common };
  }
  if (!(error instanceof UpstreamError)) throw error;
  if (limit?.aborted) {
    const message = `${error.message}; time limit reached`;
    return { kind: "failed", code: "deadline", message, ...common };
  }
  const refused = error.kind === "auth" || error.kind === "forbidden";
  const isNamed = lacks === null || error.message.includes(lacks);
  const message = isNamed ? error.message : `${error.message}; the token lacks ${lacks}`;
  return { kind: "failed", code: refused ? "auth" : "upstream", message, ...common };
}
