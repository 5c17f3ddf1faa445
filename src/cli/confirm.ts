/**
 * The one question: "go on?", default no. Only on a terminal, with a time limit that means no.
 * clack reads Escape and Ctrl-C alike as "cancel"; the raw key tells them apart here.
 */
const ANSWER_LIMIT_MS = 60_000;

export type Answer = "yes" | "no" | "no-terminal" | "interrupted";

function canAsk(env: NodeJS.ProcessEnv): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true && (env.CI ?? "") === "";
}

export async function ask(question: string, env: NodeJS.ProcessEnv): Promise<Answer> {
  if (!canAsk(env)) return "no-terminal";
  const { confirm, isCancel } = await import("@clack/prompts");
  let interrupted = false;
  const onKey = (chunk: Buffer | string) => {
    if (chunk.toString().includes("\u0003")) interrupted = true;
  };
  process.stdin.on("data", onKey);
  try {
    const answer = await confirm({
      message: question,
      initialValue: false,
      output: process.stderr,
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    });
    if (isCancel(answer)) return interrupted ? "interrupted" : "no";
    return answer === true ? "yes" : "no";
  } finally {
    process.stdin.off("data", onKey);
    process.stdin.pause();
  }
}
