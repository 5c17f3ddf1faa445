/** One outcome, as text for people or as one JSON document for programs. */
import type { CommandDef, Outcome } from "../commands/command.ts";
import { escapeFields, escapeJson } from "../domain/text/escape.ts";
import { exitCodeOf } from "./exit.ts";

export interface Report {
  /** For stdout. */
  out: string;
  /** For stderr. */
  err: string;
  exitCode: number;
}

/** A verb that changes nothing needs no headline: its answer is the text. */
type Named = Pick<CommandDef, "name" | "render" | "document"> & { run?: unknown };

/** `quiet`: of an answer the one line that says how it is; what failed is said in full. */
export function reportText(
  command: Named,
  raw: Outcome<unknown>,
  { quiet }: { quiet: boolean } = { quiet: false },
): Report {
  const exitCode = exitCodeOf(raw);
  // The one escape for all that is remote: what verbs render cannot forge a line, whatever the field.
  const outcome = escapeFields(raw);
  const body = command.render(outcome);
  const isAnswer = outcome.kind === "done" && "run" in command;
  const head = isAnswer ? "" : headline(command.name, outcome);
  const lines = [head, body, nextLine(outcome)].filter((l) => l !== "");
  const text = lines.join("\n");
  const answered =
    outcome.kind === "done" || outcome.kind === "unhealthy" || outcome.kind === "pending";
  const document = answered ? (command.document?.(outcome) ?? null) : null;
  if (document !== null) return { out: document, err: "", exitCode };
  if (quiet && answered) {
    const known = isAnswer ? outcome.headline : undefined;
    return { out: known ?? verdictLine(command.name, text), err: "", exitCode };
  }
  return answered ? { out: text, err: "", exitCode } : { out: "", err: text, exitCode };
}

/** The mark that begins it tells it from a table, and says what colour it has. */
function verdictLine(name: string, text: string): string {
  const [first = ""] = text.split("\n");
  return /^[✔✖!?→] (?!next:)/.test(first) ? first : `✔ ${name}: done`;
}

export function reportJson(
  command: string,
  env: string | null,
  outcome: Outcome<unknown>,
  options: { oneLine: boolean } = { oneLine: false },
): Report {
  const exitCode = exitCodeOf(outcome);
  const { kind, data, ...rest } = { data: null, ...outcome } as Outcome<unknown> & {
    data: unknown;
  };
  const fields = typeof data === "object" && data !== null ? data : {};
  const envelope = { schema: 1, command, env, outcome: kind, exit_code: exitCode };
  // Scripts rely on the envelope: nothing that a command tells may take its place.
  const document = { ...envelope, ...rest, ...fields, ...envelope };
  const out = options.oneLine ? jsonLine(document) : jsonForTerminal(document);
  return { out, err: "", exitCode };
}

export function jsonForTerminal(value: unknown): string {
  return escapeJson(JSON.stringify(value, null, 2));
}

export function jsonLine(value: unknown): string {
  return escapeJson(JSON.stringify(value));
}

function headline(name: string, outcome: Outcome<unknown>): string {
  switch (outcome.kind) {
    case "done":
      return `✔ ${name}: ${outcome.headline ?? (outcome.changed ? "done" : "nothing to change")}`;
    case "unhealthy":
      return `✖ ${name}: ${outcome.reason}`;
    case "pending":
      return `! ${name}: pending, waiting for ${outcome.waitingFor}`;
    case "declined":
      return outcome.by === "operator"
        ? `✖ ${name}: declined, nothing was written`
        : `✖ ${name}: needs --yes without a terminal; nothing was written`;
    case "failed":
      return `✖ ${name}: ${outcome.message} [${outcome.code}]\n  now       ${outcome.truth}`;
    case "interrupted":
      return `✖ ${name}: interrupted\n  now       ${outcome.truth}`;
    default:
      return outcome satisfies never;
  }
}

function nextLine(outcome: Outcome<unknown>): string {
  const next = outcome.next ?? "";
  return next === "" ? "" : `→ next: ${next}`;
}
