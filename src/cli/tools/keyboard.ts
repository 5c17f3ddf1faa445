/**
 * The terminal of an interactive drill: lines are read, split into words and run as this very program. It stays in
 * raw mode, where Ctrl-C is a key: as a signal it would end the sandbox's own processes as well.
 */
import type { Keyboard } from "../../ports/fault-stage.ts";
import type { Shell } from "../shell.ts";
import { lastWords } from "./line-words.ts";

/** They would leave the sandbox: for another environment, or for an account. */
const REFUSED_VERBS = ["setup", "sandbox", "drill"];
const CTRL_C = "\u0003";

/** Of one drill. */
export interface OpenKeyboard extends Keyboard {
  /** The terminal as it was. */
  close(): void;
}

/** `run` is the program; what `shell` knows is for each command: the sandbox, and no token of the operator's. */
export function openKeyboard(shell: Shell, run: (shell: Shell) => Promise<number>): OpenKeyboard {
  const { stdin } = process;
  let history: string[] = [];
  let isReading = false;
  /** What runs now. */
  let command: AbortController | null = null;
  const onKey = (chunk: Buffer | string): void => {
    if (isReading || !chunk.toString().includes(CTRL_C)) return;
    if (command === null) interruptSelf();
    else command.abort("SIGINT");
  };
  // A question of a command leaves it as questions do.
  const keepRaw = (): void => {
    if (isReading) return;
    stdin.setRawMode(true);
    stdin.resume();
  };
  stdin.on("data", onKey);
  stdin.on("pause", keepRaw);
  keepRaw();
  return {
    say: shell.console.err,
    async line() {
      isReading = true;
      const line = await readLine(history).finally(() => {
        isReading = false;
        keepRaw();
      });
      if (line !== null && line.trim() !== "") history = [line, ...history];
      return line;
    },
    wordsOf(line) {
      const words = wordsIn(line);
      const outside = leavesSandbox(words);
      if (outside === undefined) return words;
      shell.console.err(`✖ ${outside} is not for an interactive drill: it stays in the sandbox`);
      return null;
    },
    async run(argv) {
      const { background: _, ...own } = shell;
      const over = new AbortController();
      command = over;
      try {
        return await run({ ...own, argv, interrupt: () => over.signal });
      } finally {
        command = null;
      }
    },
    close() {
      stdin.off("data", onKey);
      stdin.off("pause", keepRaw);
      stdin.setRawMode(false);
      stdin.pause();
    },
  };
}

/** "pixcanary status" and "status" alike; nothing is expanded, and no shell sees it. */
export function wordsIn(line: string): string[] {
  const typed = line.trim().replace(/^pixcanary(?=\s|$)/, "");
  return lastWords(`pixcanary ${typed} `).before;
}

/** The word that would. */
export function leavesSandbox(words: readonly string[]): string | undefined {
  return words.find((word) => word.startsWith("--config") || REFUSED_VERBS.includes(word));
}

/** This process alone, not all that belong to the terminal. */
function interruptSelf(): void {
  process.kill(process.pid, "SIGINT");
}

/** Null at the end of the input, and at Ctrl-C. */
async function readLine(history: string[]): Promise<string | null> {
  const { createInterface } = await import("node:readline");
  const { stdin, stderr } = process;
  const reader = createInterface({ input: stdin, output: stderr, terminal: true, history });
  reader.on("SIGINT", () => {
    interruptSelf();
    reader.close();
  });
  try {
    return await new Promise<string | null>((resolve) => {
      reader.once("close", () => resolve(null));
      reader.question("drill> ", resolve);
    });
  } finally {
    reader.close();
  }
}
