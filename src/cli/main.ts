/** The program: all verbs. A stop has an entry of its own (relief.ts), which has less to load. */
import "./lean-zod.ts";
import { start } from "./start.ts";
import { VERBS } from "./verbs.ts";

export function main(argv: readonly string[]): Promise<void> {
  return start(argv, VERBS);
}
