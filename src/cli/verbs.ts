/** All verbs, and what is no verb of an environment: setup, drill, sandbox, completion. */
import type { ApiSend } from "../adapters/api-send.ts";
import { commands } from "../commands/index.ts";
import { startIn, type Verbs } from "./start.ts";
import { addCompletion } from "./tools/completion.ts";
import { addDrill } from "./tools/drill.ts";
import { addOperatorKey } from "./tools/operator-key.ts";
import { addSandbox } from "./tools/sandbox.ts";
import { addSetup } from "./tools/setup.ts";

export const VERBS: Verbs = {
  commands,
  through: throughSdk,
  async addTools(program, shell, exits) {
    addSetup(program, shell, exits);
    addOperatorKey(program, shell, exits);
    addDrill(program, { shell, run: (inner) => startIn(inner, VERBS) }, exits);
    await addSandbox(program, shell, exits);
    addCompletion(program, shell, exits);
  },
};

/** Loaded for the first request: help and the card make none. */
function throughSdk(pinned: ApiSend): ApiSend {
  let sdk: Promise<ApiSend> | undefined;
  return async (request) => {
    sdk ??= import("../adapters/sdk-send.ts").then((loaded) => loaded.throughSdk(pinned));
    return (await sdk)(request);
  };
}
