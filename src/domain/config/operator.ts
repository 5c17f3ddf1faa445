/** Who signs stops here, and with which key. */
import * as z from "zod";
import { once } from "../lib/lazy.ts";
import { isOperatorName, OPERATOR_NAME_FORM } from "../signed-stop/operators.ts";
import { path, printable } from "./text.ts";

export interface OperatorSettings {
  /** As the Worker's var OPERATOR_KEYS names the key. */
  name: string;
  keyFile?: string | undefined;
  /** A key in the SSH agent: its public part (`ssh-ed25519 AAAA…`) or its comment. */
  agentKey?: string | undefined;
}

/** Made at its first use: a stop without an operator key does without it. */
export const operatorSchema = once(() =>
  z
    .strictObject({
      name: z
        .string()
        .max(64)
        .refine(isOperatorName, `must be ${OPERATOR_NAME_FORM}`)
        .describe("of the key in the Worker's var OPERATOR_KEYS: the author of signed stops"),
      keyFile: path.optional().describe("file with the operator key, mode 0600"),
      agentKey: printable.optional().describe("a key in the SSH agent: ssh-ed25519 AAAA…"),
    })
    .refine(
      ({ keyFile, agentKey }) => (keyFile === undefined) !== (agentKey === undefined),
      "must have either keyFile or agentKey",
    )
    .describe("the operator key, by which not-aus also stops through the Worker itself"),
);
