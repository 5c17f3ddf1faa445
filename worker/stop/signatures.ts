/** Whether an operator has signed a stop. An unknown name costs as much time as a known one. */
import type { OperatorKey } from "../../src/domain/signed-stop/operators.ts";
import { bytesOf } from "../../src/domain/signed-stop/operators.ts";

export interface Signatures {
  /** Null unless this operator's key has made it; then the name, as it is configured. Never throws. */
  signer(name: string, bytes: Uint8Array<ArrayBuffer>, signature: string): Promise<string | null>;
}

const ALGORITHM = { name: "Ed25519" };
/** Its private part was thrown away. */
const SPARE = bytesOf("We/Xq+zAf6ZMYUz77tBAQeunqTRh/vbND60uxgnnq58=") ?? new Uint8Array(32);
/** The only form that 64 bytes have in base64. */
const SIGNATURE = /^[A-Za-z0-9+/]{85}[AQgw]==$/;
const NO_SIGNATURE = new Uint8Array(64);

type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** Keys are imported at the first signature, all at once. */
export function createSignatures(operators: readonly OperatorKey[]): Signatures {
  let imported: Promise<{ known: Map<string, Key>; spare: Key | null }> | null = null;
  return {
    async signer(name, bytes, signature) {
      imported ??= importAll(operators);
      const { known, spare } = await imported;
      const key = known.get(name);
      const given = SIGNATURE.test(signature) ? bytesOf(signature) : null;
      const right = await verify(key ?? spare, given ?? NO_SIGNATURE, bytes);
      return right && key !== undefined && given !== null ? name : null;
    },
  };
}

async function importAll(operators: readonly OperatorKey[]) {
  const known = new Map<string, Key>();
  for (const { name, publicKey } of operators) {
    const key = await importKey(publicKey);
    if (key !== null) known.set(name, key);
  }
  return { known, spare: await importKey(SPARE) };
}

async function importKey(raw: Uint8Array<ArrayBuffer>): Promise<Key | null> {
  try {
    return await crypto.subtle.importKey("raw", raw, ALGORITHM, false, ["verify"]);
  } catch {
    return null;
  }
}

async function verify(
  key: Key | null,
  signature: Uint8Array<ArrayBuffer>,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  if (key === null) return false;
  try {
    return await crypto.subtle.verify(ALGORITHM, key, signature, bytes);
  } catch {
    return false;
  }
}
