/** The terminal and surroundings that a command line runs in. */
import type { Console } from "./console.ts";

export interface Shell {
  console: Console;
  env: NodeJS.ProcessEnv;
  cwd: string;
  version: string;
  /** The words as typed, to show them again with `--yes`. */
  argv: readonly string[];
}
