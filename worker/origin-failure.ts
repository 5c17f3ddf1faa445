/** When the legacy origin's answer cannot be passed on: what is logged, and what the visitor is told. */

type Kind = "unconfigured" | "silent" | "unreadable" | "interim";

interface Words {
  error: string;
  /** For the log. */
  logged: string;
  /** For the visitor: what failed, and nothing from elsewhere. */
  told: string;
}

const WORDS: Readonly<Record<Kind, (status: number) => Words>> = {
  unconfigured: () => ({
    error: "origin_unreachable",
    logged: "ORIGIN_URL is not configured",
    told: "The legacy origin was not asked: the Worker has no address for it.",
  }),
  silent: () => ({
    error: "origin_unreachable",
    logged: "the origin did not answer",
    told: "The legacy origin did not answer, or broke off within its headers. The Worker itself is working.",
  }),
  unreadable: () => ({
    error: "origin_unreadable",
    logged: "the origin's answer could not be read",
    told: "The legacy origin's answer could not be read. The Worker itself is working.",
  }),
  interim: (status) => ({
    error: "origin_status",
    logged: `the origin answered HTTP ${status}, which is not a final status`,
    told: `The legacy origin answered HTTP ${status}, which is not a final status. The Worker cannot read what follows it.`,
  }),
};

/** What the runtime says of a connection that was refused, or ended before the headers did. */
const LOST = "Network connection lost.";
const MAX_CAUSE_CHARS = 200;

export class OriginError extends Error {
  override readonly name = "OriginError";
  readonly words: Words;

  constructor(kind: Kind, { status = 0, cause }: { status?: number; cause?: unknown } = {}) {
    const words = WORDS[kind](status);
    const because = kind === "unreadable" ? `: ${causeOf(cause)}` : "";
    super(words.logged + because, cause === undefined ? {} : { cause });
    this.words = words;
  }
}

/** Of what `fetch` threw. */
export function unreadable(cause: unknown): OriginError {
  const isLost = cause instanceof Error && cause.message === LOST;
  return new OriginError(isLost ? "silent" : "unreadable", { cause });
}

/** The runtime numbers its failures, so that no two would be the same in the logs. */
function causeOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.replace(/; reference = .*/, "").slice(0, MAX_CAUSE_CHARS);
}
