/** Progress as lines on stderr: nothing that swallows Ctrl-C, and one line that moves at the most. */
import { seconds } from "../commands/lib/format.ts";
import { escapeForTerminal } from "../domain/text/escape.ts";
import type { Progress, Stage } from "../ports/terminal.ts";

/** `replace` shows a line in the place of the one it showed before; null without a terminal. `quiet`: warnings alone. */
export function createProgress(
  say: (text: string) => void,
  replace: ((text: string) => void) | null = null,
  quiet = false,
): Progress {
  const warn = (text: string): void => say(`! ${escapeForTerminal(text)}`);
  const silent = (): void => undefined;
  if (quiet) {
    return { stage: silent, note: silent, warn, update: silent, waiting: () => silent };
  }
  return {
    stage: (stage) =>
      say(`  ${seconds(stage.elapsedMs).padStart(7)}  ${escapeForTerminal(stageText(stage))}`),
    note: (text) => say(escapeForTerminal(text)),
    warn,
    update: (text) => replace?.(escapeForTerminal(text)),
    waiting: (text) => waiting(escapeForTerminal(text), say, replace),
  };
}

/** Without a terminal, a line after the first second and then every few. */
const LINE_EVERY_S = 5;

function waiting(
  text: string,
  say: (text: string) => void,
  replace: ((text: string) => void) | null,
): () => void {
  let passedS = 0;
  replace?.(`  ${text}`);
  const timer = setInterval(() => {
    passedS += 1;
    if (replace !== null) replace(`  ${text}, ${passedS} s`);
    else if (passedS % LINE_EVERY_S === 1) say(`  ${text}, ${passedS} s`);
  }, 1_000);
  timer.unref();
  return () => {
    clearInterval(timer);
    replace?.("");
  };
}

function stageText(stage: Stage): string {
  switch (stage.kind) {
    case "written":
      if (stage.what !== "worker") return `written  ${stage.what}`;
      return `written  worker (${stage.carriers.join(", ")})`;
    case "stored":
      return `stored   ${stage.what}`;
    case "live":
      return `live     ${stage.what} at ${stage.location}`;
    case "gone":
      return `gone     ${stage.what} at ${stage.location}`;
    case "waiting":
      return `waiting  ${stage.location}: ${stage.because}`;
    default:
      return stage satisfies never;
  }
}
