/**
 * Questions: "go on?", default no, and for a value. Only on a terminal, with a time limit that means no.
 * clack reads Escape and Ctrl-C alike as "cancel"; the raw key tells them apart here.
 */
import { escapeForTerminal } from "../domain/text/escape.ts";
import { wrapLines } from "./wrap-lines.ts";

const ANSWER_LIMIT_MS = 60_000;
/** What clack puts before each line. */
const GUIDE_COLUMNS = 3;

export type Answer = "yes" | "no" | "no-terminal" | "interrupted";

export function canAsk(env: NodeJS.ProcessEnv): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true && (env.CI ?? "") === "";
}

/** `suggested` is what Enter takes; `problemOf` is undefined for a value that is good. Null: no answer. */
export async function askFor(
  message: string,
  suggested: string | undefined,
  problemOf: (value: string) => string | undefined,
): Promise<{ text: string } | "interrupted" | null> {
  const { isCancel, text } = await import("@clack/prompts");
  const { answer, interrupted } = await watchingKeys(() =>
    text({
      message: shown(message),
      ...(suggested === undefined ? {} : { initialValue: suggested }),
      validate: (value) => problemOf((value ?? "").trim()),
      output: process.stderr,
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    }),
  );
  if (isCancel(answer)) return interrupted ? "interrupted" : null;
  return { text: answer.trim() };
}

export async function ask(question: string, env: NodeJS.ProcessEnv): Promise<Answer> {
  if (!canAsk(env)) return "no-terminal";
  const { confirm, isCancel } = await import("@clack/prompts");
  const { answer, interrupted } = await watchingKeys(() =>
    confirm({
      message: shown(question),
      initialValue: false,
      output: process.stderr,
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    }),
  );
  if (isCancel(answer)) return interrupted ? "interrupted" : "no";
  return answer === true ? "yes" : "no";
}

/** clack writes it as it is, and breaks it anywhere: what is foreign in it must not become a line of its own. */
function shown(question: string): string {
  return wrapLines(escapeForTerminal(question), (process.stderr.columns || 80) - GUIDE_COLUMNS);
}

async function watchingKeys<T>(
  prompt: () => Promise<T>,
): Promise<{ answer: T; interrupted: boolean }> {
  let interrupted = false;
  const onKey = (chunk: Buffer | string) => {
    if (chunk.toString().includes("\u0003")) interrupted = true;
  };
  process.stdin.on("data", onKey);
  try {
    const answer = await prompt();
    return { answer, interrupted };
  } finally {
    process.stdin.off("data", onKey);
    process.stdin.pause();
  }
}
