/** The set-ups that `doctor` must name: each breaks one thing, as it breaks for users. */
import { ANSWERS } from "./answers.ts";
import { BACKENDS, DOCUMENTS } from "./documents.ts";
import { FILES } from "./files.ts";
import { LADDER } from "./ladder.ts";
import type { Row } from "./row.ts";
import { SIGHT } from "./sight.ts";
import { STORED } from "./stored.ts";
import { TOKENS } from "./tokens.ts";

export const ROWS: readonly Row[] = [
  ...TOKENS,
  ...FILES,
  ...ANSWERS,
  ...DOCUMENTS,
  ...STORED,
  ...SIGHT,
  ...LADDER,
  // They wait for `/qa`, which keeps its pings for 5 s.
  ...BACKENDS,
];
