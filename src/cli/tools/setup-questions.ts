/** Asks for what no flag and no file says: on a terminal alone. */
import { askFor, canAsk } from "../confirm.ts";
import { InterruptedError, UsageError } from "../errors.ts";
import type { Shell } from "../shell.ts";

interface Question {
  what: string;
  /** What to type instead. */
  flag: string;
  suggested?: string;
  problemOf(text: string): string | undefined;
}

/** Throws UsageError without a terminal, and without an answer; InterruptedError at Ctrl-C. */
export async function question(shell: Shell, asked: Question): Promise<string> {
  const { what, flag, suggested, problemOf } = asked;
  const answer = canAsk(shell.env) ? await askFor(what, suggested, problemOf) : null;
  if (answer === "interrupted") throw new InterruptedError("nothing was made");
  if (answer !== null) return answer.text;
  throw new UsageError(`setup needs the ${what}`, flag);
}
