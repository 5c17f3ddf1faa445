/**
 * The terminal of an interactive drill: lines are read, split into words and run as this very program. It stays in
 * raw mode, where Ctrl-C is a key: as a signal it would end the sandbox's own processes as well.
 */
import { Command, CommanderError } from "commander";
import { anySignal } from "../../domain/lib/abort.ts";
import type { Keyboard } from "../../ports/fault-stage.ts";
import { addFlags, type GlobalFlags, globalInput } from "../program.ts";
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
  let history: string[] = [];
  /** What runs now. */
  let command: AbortController | null = null;
  const keys = rawKeys(() => {
    if (command === null) interruptSelf();
    else command.abort("SIGINT");
  });
  return {
    say: shell.console.err,
    async line(over) {
      const line = await keys.without(() => readLine(history, over));
      if (line !== null && line.trim() !== "") history = [line, ...history];
      return line;
    },
    read(line) {
      const words = wordsIn(line);
      const { verb, outside } = meaningOf(words);
      if (outside !== null) {
        shell.console.err(`✖ ${outside} is not for an interactive drill: it stays in the sandbox`);
      }
      return { words, verb, refused: outside !== null };
    },
    async run(argv, over) {
      const { background: _, ...own } = shell;
      const stop = new AbortController();
      const ended = anySignal([stop.signal, over]);
      command = stop;
      try {
        return await run({ ...own, argv, interrupt: () => ended });
      } finally {
        command = null;
      }
    },
    close: keys.close,
  };
}

/** Raw mode until `close`, but while `without` works: that reads keys itself. */
function rawKeys(onInterrupt: () => void) {
  const { stdin } = process;
  let isOff = false;
  const onKey = (chunk: Buffer | string): void => {
    if (!isOff && chunk.toString().includes(CTRL_C)) onInterrupt();
  };
  // A question of a command leaves it as questions do.
  const keepRaw = (): void => {
    if (isOff) return;
    stdin.setRawMode(true);
    stdin.resume();
  };
  stdin.on("data", onKey);
  stdin.on("pause", keepRaw);
  keepRaw();
  return {
    async without<T>(work: () => Promise<T>): Promise<T> {
      isOff = true;
      return work().finally(() => {
        isOff = false;
        keepRaw();
      });
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

/** As the program takes them: a word may be an option's value. `outside`: what would leave the sandbox. */
export function meaningOf(words: readonly string[]): { verb: string; outside: string | null } {
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  addFlags(program, globalInput);
  try {
    const [verb = ""] = program.parseOptions([...words]).operands;
    const { config } = program.opts<Partial<GlobalFlags>>();
    const isRefused = REFUSED_VERBS.includes(verb);
    return { verb, outside: config !== undefined ? "--config" : isRefused ? verb : null };
  } catch (error) {
    // The program will say what is wrong with it, and do nothing.
    if (error instanceof CommanderError) return { verb: "", outside: null };
    throw error;
  }
}

/** This process alone, not all that belong to the terminal. */
function interruptSelf(): void {
  process.kill(process.pid, "SIGINT");
}

/** Null at the end of the input, at Ctrl-C, and when `over` comes first. */
async function readLine(history: string[], over: AbortSignal): Promise<string | null> {
  if (over.aborted) return null;
  const { createInterface } = await import("node:readline");
  const { stdin, stderr } = process;
  const reader = createInterface({ input: stdin, output: stderr, terminal: true, history });
  const close = (): void => reader.close();
  // It ends by `over`, when the signal has come: a line that ends before would look like the input's end.
  reader.on("SIGINT", interruptSelf);
  over.addEventListener("abort", close);
  try {
    return await new Promise<string | null>((resolve) => {
      reader.once("close", () => resolve(null));
      reader.question("drill> ", resolve);
    });
  } finally {
    over.removeEventListener("abort", close);
    close();
  }
}
