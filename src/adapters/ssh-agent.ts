/** The SSH agent, of which two messages are used: which keys it has, and a signature (draft-ietf-sshm-ssh-agent). */
import type { Socket } from "node:net";
import { keyOfBlob } from "../domain/signed-stop/operators.ts";
import { LocalError } from "../ports/errors.ts";
import { sshReader, sshString } from "./ssh-wire.ts";

const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
const SIGNATURE_BYTES = 64;
/** An agent may ask its owner; who calls waits no longer either. */
const ANSWER_MS = 3_000;
const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_KEYS = 1_000;

export interface AgentKey {
  /** 32 bytes. */
  publicKey: Uint8Array<ArrayBuffer>;
  comment: string;
}

/** Methods throw LocalError; each opens a connection of its own. */
export interface SshAgent {
  /** The Ed25519 keys among those that it has. */
  identities(): Promise<AgentKey[]>;
  /** `blob`: the public key as OpenSSH writes it. */
  sign(blob: Uint8Array, bytes: Uint8Array): Promise<Uint8Array>;
}

export function createSshAgent(path: string): SshAgent {
  return {
    async identities() {
      const answer = await ask(path, Buffer.from([REQUEST_IDENTITIES]), IDENTITIES_ANSWER);
      return readSafely(() => identitiesIn(answer));
    },
    async sign(blob, bytes) {
      const flags = Buffer.alloc(4);
      const asked = [Buffer.from([SIGN_REQUEST]), sshString(blob), sshString(bytes), flags];
      const answer = await ask(path, Buffer.concat(asked), SIGN_RESPONSE);
      return readSafely(() => signatureIn(answer));
    },
  };
}

function identitiesIn(answer: Buffer): AgentKey[] {
  const reader = sshReader(answer);
  const count = Math.min(reader.uint32(), MAX_KEYS);
  return Array.from({ length: count }, () => {
    const publicKey = keyOfBlob(reader.string());
    return { publicKey, comment: reader.text() };
  }).flatMap(({ publicKey, comment }) => (publicKey === null ? [] : [{ publicKey, comment }]));
}

function signatureIn(answer: Buffer): Uint8Array {
  const reader = sshReader(sshReader(answer).string());
  const type = reader.text();
  const signature = reader.string();
  if (type !== "ssh-ed25519" || signature.length !== SIGNATURE_BYTES) throw new RangeError(type);
  return new Uint8Array(signature);
}

function readSafely<T>(read: () => T): T {
  try {
    return read();
  } catch {
    throw new LocalError("the SSH agent's answer cannot be read");
  }
}

/** What follows the answer's type. */
async function ask(path: string, message: Buffer, wanted: number): Promise<Buffer> {
  // Not imported: a stop without an operator key does not load it.
  const { connect } = process.getBuiltinModule("node:net");
  const socket = connect({ path });
  const timer = setTimeout(() => socket.destroy(new Error("no answer in time")), ANSWER_MS);
  try {
    socket.write(sshString(message));
    const answer = await frameOf(socket);
    const [type] = answer;
    if (type === wanted) return answer.subarray(1);
    throw new LocalError("the SSH agent refused (is it locked, or was its question denied?)");
  } catch (error) {
    if (error instanceof LocalError) throw error;
    const why = error instanceof Error && "code" in error ? String(error.code) : "no answer";
    throw new LocalError(`the SSH agent does not answer (${why})`);
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** One message, behind its length. */
async function frameOf(socket: Socket): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length < 4) continue;
    const length = bytes.readUInt32BE();
    if (length === 0 || length > MAX_ANSWER_BYTES) break;
    if (bytes.length >= 4 + length) return bytes.subarray(4, 4 + length);
  }
  throw new Error("the connection was closed");
}
