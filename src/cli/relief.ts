/**
 * The program for who types `not-aus`, `reduce` or `disable` first: the same verbs and the same shell, and
 * nothing else to load. Start-up time is response time.
 */
import "./lean-zod.ts";
import type { CommandDef } from "../commands/command.ts";
import { disable } from "../commands/lower/disable.ts";
import { reduce } from "../commands/lower/reduce.ts";
import { notAus } from "../commands/not-aus/not-aus.ts";
import { start } from "./start.ts";

const commands: readonly CommandDef[] = [notAus, reduce, disable];

export function main(argv: readonly string[]): Promise<void> {
  return start(argv, { commands });
}
