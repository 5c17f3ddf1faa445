/** All verbs, in the order of the help page: what an incident needs comes first. */
import { card } from "./card.ts";
import type { CommandDef } from "./command.ts";
import { disable } from "./disable.ts";
import { doctor } from "./doctor.ts";
import { explain } from "./explain.ts";
import { history } from "./history.ts";
import { notAus } from "./not-aus.ts";
import { reduce } from "./reduce.ts";
import { restore } from "./restore.ts";
import { status } from "./status.ts";
import { verify } from "./verify.ts";

export const commands = [
  notAus,
  reduce,
  disable,
  restore,
  status,
  verify,
  history,
  explain,
  doctor,
  card,
] as unknown as readonly CommandDef[];
