/** The program: all verbs. A stop has an entry of its own (relief.ts), which has less to load. */
import "./lean-zod.ts";
import { commands } from "../commands/index.ts";
import { start } from "./start.ts";
import { addCompletion } from "./tools/completion.ts";
import { addDrill } from "./tools/drill.ts";
import { addSandbox } from "./tools/sandbox.ts";

export async function main(argv: readonly string[]): Promise<void> {
  await start(argv, {
    commands,
    async addTools(program, shell) {
      addDrill(program, shell);
      await addSandbox(program, shell, argv);
      addCompletion(program, shell);
    },
  });
}
