/** An operator of the tests: a key, and what it signs. */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import {
  bodyOf,
  OPERATOR_HEADER,
  SIGNATURE_HEADER,
  type StopMessage,
  signedBytes,
} from "../../src/domain/signed-stop/message.ts";

export interface TestOperator {
  name: string;
  privateKey: KeyObject;
  /** As OPERATOR_KEYS holds it. */
  publicKey: string;
}

export function testOperator(name = "anna"): TestOperator {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  return { name, privateKey, publicKey: Buffer.from(x, "base64url").toString("base64") };
}

export function operatorKeys(...operators: readonly TestOperator[]): string {
  return JSON.stringify(Object.fromEntries(operators.map((one) => [one.name, one.publicKey])));
}

export function messageOf(more: Partial<StopMessage> = {}): StopMessage {
  const at = new Date().toISOString();
  const id = "01JCQZ5E7M3V9X2K8R4T6W0A1B";
  return { v: 1, id, at, sent_at: at, reason: "5xx", environment: "staging", ...more };
}

/** As `fetch` takes it. */
export function signedPost(
  { name, privateKey }: Pick<TestOperator, "name" | "privateKey">,
  message: StopMessage | Uint8Array<ArrayBuffer>,
): { method: "POST"; headers: Record<string, string>; body: Uint8Array<ArrayBuffer> } {
  const body = message instanceof Uint8Array ? message : bodyOf(message);
  const signature = sign(null, signedBytes(body), privateKey).toString("base64");
  return {
    method: "POST",
    headers: { [OPERATOR_HEADER]: name, [SIGNATURE_HEADER]: signature },
    body,
  };
}
