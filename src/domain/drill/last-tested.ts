/** The line of RUNBOOK.md that says when the runbook was last rehearsed. */
import { plain } from "../text/markdown.ts";

const LINE = /^\*\*Last tested:\*\*[^\r\n]* by [^\r\n]*$/m;

/** Every other byte stays; null when there is no such line. */
export function withLastTested(
  runbook: string,
  { day, env, by }: { day: string; env: string; by: string },
): string | null {
  if (!LINE.test(runbook)) return null;
  // A function, as `$` means something in a replacement.
  return runbook.replace(LINE, () => `**Last tested:** ${day} (${plain(env)}) by ${plain(by)}`);
}
