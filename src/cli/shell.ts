/** The terminal and surroundings that a command line runs in. */
import type { Readable } from "node:stream";
import type { ApiSend } from "../adapters/api-send.ts";
import type { Clock } from "../ports/machine.ts";
import type { Console } from "./console.ts";

export interface Shell {
  console: Console;
  stdin: Readable & { isTTY?: boolean };
  env: NodeJS.ProcessEnv;
  cwd: string;
  clock: Clock;
  /** The operator's home folder. */
  home: string;
  version: string;
  /** The words as typed, to show them again with `--yes`. */
  argv: readonly string[];
  /** Runs the program with these words, unseen and for longer than this process; left out where it cannot. */
  background?(words: readonly string[]): void;
  /** How requests reach the API, where not as directly as can be. */
  through?: ((pinned: ApiSend) => ApiSend) | undefined;
  /** Aborted by Ctrl-C and SIGTERM, the signal's name being the reason, once `say` has told of it. */
  interrupt(say: (text: string) => void): AbortSignal;
}
