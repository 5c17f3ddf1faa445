/** All verbs, and what is no verb of an environment: drill, sandbox, completion. */
import { commands } from "../commands/index.ts";
import type { Verbs } from "./start.ts";
import { addCompletion } from "./tools/completion.ts";
import { addDrill } from "./tools/drill.ts";
import { addSandbox } from "./tools/sandbox.ts";

export const VERBS: Verbs = {
  commands,
  async addTools(program, shell, exits) {
    addDrill(program, shell, exits);
    await addSandbox(program, shell, exits);
    addCompletion(program, shell, exits);
  },
};
