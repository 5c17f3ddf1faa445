/** Progress as lines on stderr: nothing that swallows Ctrl-C, and one line that moves at the most. */
import { seconds } from "../commands/lib/format.ts";
import { escapeForTerminal } from "../domain/text/escape.ts";
import type { Progress, Stage } from "../ports/terminal.ts";

/** `replace` shows a line in the place of the one it showed before; null without a terminal. */
export function createProgress(
  say: (text: string) => void,
  replace: ((text: string) => void) | null = null,
): Progress {
  return {
    stage: (stage) =>
      say(`  ${seconds(stage.elapsedMs).padStart(7)}  ${escapeForTerminal(stageText(stage))}`),
    note: (text) => say(escapeForTerminal(text)),
    warn: (text) => say(`! ${escapeForTerminal(text)}`),
    update: (text) => replace?.(escapeForTerminal(text)),
  };
}

function stageText(stage: Stage): string {
  switch (stage.kind) {
    case "written":
      return `written  ${stage.what}`;
    case "stored":
      return `stored   ${stage.what}`;
    case "live":
      return `live     ${stage.what} at ${stage.location}`;
    case "waiting":
      return `waiting  ${stage.location}: ${stage.because}`;
    default:
      return stage satisfies never;
  }
}
