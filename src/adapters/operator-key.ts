/**
 * An operator's Ed25519 key: a file of the operator's own (PKCS8 as `operator-key` makes it, or OpenSSH without a
 * passphrase), or a key in the SSH agent. The private part never leaves this file.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { resolve } from "node:path";
import type { OperatorSettings } from "../domain/config/operator.ts";
import { keyOfBlob, parsePublicKey, sshBlob } from "../domain/signed-stop/operators.ts";
import { LocalError } from "../ports/errors.ts";
import { makeOwn, readOwn } from "./own-files.ts";
import { expandHome } from "./secrets.ts";
import { createSshAgent } from "./ssh-agent.ts";
import { type SshReader, sshReader } from "./ssh-wire.ts";

export interface OperatorKey {
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** Throws LocalError. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

export interface KeyPlaces {
  env: Readonly<Record<string, string | undefined>>;
  home: string;
  /** What a relative path in the variable starts from. */
  cwd: string;
  /** What one in the configuration starts from: the file's folder. */
  baseDir: string;
}

/** The variable counts before the configuration. Throws LocalError. */
export async function openOperatorKey(
  { keyFile, agentKey }: OperatorSettings,
  places: KeyPlaces,
): Promise<OperatorKey> {
  const named = places.env.PIXCANARY_OPERATOR_KEY_FILE || undefined;
  if (named === undefined && agentKey !== undefined) return keyInAgent(agentKey, places);
  const given = expandHome(named ?? keyFile ?? "", places.home);
  return keyInFile(resolve(named === undefined ? places.baseDir : places.cwd, given));
}

/** Throws LocalError for a file that is not there, not ours, that others can read, or that holds no such key. */
export async function keyInFile(path: string): Promise<OperatorKey> {
  const text = await readOwn(path).catch((error: unknown) => {
    if (error instanceof LocalError) throw error;
    throw new LocalError(`cannot read ${path}`, { cause: error });
  });
  if (text === null) throw new LocalError(`${path} is not there`);
  const key = text.includes("BEGIN OPENSSH PRIVATE KEY")
    ? ofOpenSsh(text, path)
    : ofPem(text, path);
  return { publicKey: publicPartOf(key), sign: async (bytes) => sign(null, bytes, key) };
}

/** Makes one, never in place of a file that is there. Throws LocalError. */
export async function makeKeyFile(path: string): Promise<void> {
  const { privateKey } = generateKeyPairSync("ed25519");
  await makeOwn(path, privateKey.export({ format: "pem", type: "pkcs8" }).toString());
}

function publicPartOf(key: KeyObject): Uint8Array {
  const { x = "" } = createPublicKey(key).export({ format: "jwk" });
  return new Uint8Array(Buffer.from(x, "base64url"));
}

/** What went wrong is not quoted: it may hold a part of the key. */
function ofPem(text: string, path: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    throw new LocalError(`${path} holds no private key without a passphrase`);
  }
  if (key.asymmetricKeyType === "ed25519") return key;
  throw new LocalError(`${path} holds a key that is not Ed25519`);
}

const OPENSSH_MAGIC = "openssh-key-v1\0";
/** PKCS8 of an Ed25519 key up to its 32 secret bytes. */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

function ofOpenSsh(text: string, path: string): KeyObject {
  const refuse = (why: string): LocalError => new LocalError(`${path} ${why}`);
  const reader = sshReader(Buffer.from(text.replace(/-----[^-]+-----/g, ""), "base64"));
  try {
    if (reader.take(OPENSSH_MAGIC.length).toString("latin1") !== OPENSSH_MAGIC) throw refuse("");
    const cipher = reader.text();
    if (cipher !== "none") throw refuse("has a passphrase: use the SSH agent (agentKey)");
    reader.string();
    reader.string();
    if (reader.uint32() !== 1) throw refuse("holds more than one key");
    const publicKey = keyOfBlob(reader.string());
    if (publicKey === null) throw refuse("holds a key that is not Ed25519");
    return keyOfSection(sshReader(reader.string()), publicKey);
  } catch (error) {
    if (error instanceof LocalError && !error.message.endsWith(" ")) throw error;
    throw refuse("holds no OpenSSH key that can be read");
  }
}

/** Twice the same number, then type, public part, and the secret bytes with the public part behind them. */
function keyOfSection(section: SshReader, publicKey: Uint8Array): KeyObject {
  const check = section.uint32();
  if (check !== section.uint32()) throw new Error("encrypted");
  section.string();
  section.string();
  const secret = section.string().subarray(0, 32);
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_HEAD, secret]),
    format: "der",
    type: "pkcs8",
  });
  if (Buffer.compare(Buffer.from(publicPartOf(key)), Buffer.from(publicKey)) !== 0) {
    throw new Error("another public part");
  }
  return key;
}

/** `agentKey`: a line of OpenSSH, or the comment of the key as `ssh-add -l` shows it. */
async function keyInAgent(agentKey: string, { env }: KeyPlaces): Promise<OperatorKey> {
  const path = env.SSH_AUTH_SOCK;
  if (!path) throw new LocalError("no SSH agent (SSH_AUTH_SOCK is not set)");
  const agent = createSshAgent(path);
  const wanted = parsePublicKey(agentKey);
  const found = (await agent.identities()).find(({ publicKey, comment }) =>
    wanted === null
      ? comment === agentKey
      : Buffer.compare(Buffer.from(publicKey), Buffer.from(wanted)) === 0,
  );
  if (found === undefined) throw new LocalError("the SSH agent does not have the operator key");
  const blob = sshBlob(found.publicKey);
  return { publicKey: found.publicKey, sign: (bytes) => agent.sign(blob, bytes) };
}
