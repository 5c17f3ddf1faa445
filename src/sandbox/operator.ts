/** The one operator of a sandbox: its Workers know the key, and its configuration names the file. */
import { generateKeyPairSync } from "node:crypto";
import { ENVIRONMENT_NAME } from "./types.ts";

export interface SandboxOperator {
  name: string;
  /** PKCS8, as `pixcanary operator-key` makes it. */
  privateKey: string;
  /** 32 bytes in base64. */
  publicKey: string;
}

export function sandboxOperator(): SandboxOperator {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  return {
    name: "sandbox-operator",
    privateKey: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    publicKey: Buffer.from(x, "base64url").toString("base64"),
  };
}

/** Signed stops name the environment of the configuration file. */
export function operatorVars({ name, publicKey }: SandboxOperator): Record<string, string> {
  return { NOTIFY_ENV: ENVIRONMENT_NAME, OPERATOR_KEYS: JSON.stringify({ [name]: publicKey }) };
}
