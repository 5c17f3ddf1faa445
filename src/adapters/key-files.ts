/** The operator's secret files while keys are rotated. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import * as z from "zod";
import { readDocument } from "../domain/lib/read-document.ts";
import type { WorkerSecrets } from "../domain/setup/worker-secrets.ts";
import { generateSecrets } from "../domain/setup/worker-secrets.ts";
import { LocalError } from "../ports/errors.ts";
import type { KeyFiles } from "../ports/setup.ts";
import {
  hidden,
  readOwn,
  readQaToken,
  readWorkerSecrets,
  replaceOwn,
  secretsText,
  tell,
} from "./own-files.ts";
import type { Secret } from "./secrets.ts";

/** A file of ours is read up to there. */
const MAX_CHARS = 64 * 1024;
const keysSchema = z.record(z.string(), z.string());
const signingSchema = z.object({ id: z.string().max(16), sinceMs: z.number() });

const random = (bytes: number): string => randomBytes(bytes).toString("base64");

export interface KeyFilesOptions {
  folder: string;
  qaTokenPath: string;
  onSecret(secret: Secret): void;
}

export function createKeyFiles({ folder, qaTokenPath, onSecret }: KeyFilesOptions): KeyFiles {
  const secretsPath = join(folder, "worker-secrets.json");
  const signingPath = join(folder, "key-rotation.json");
  const read = async (): Promise<WorkerSecrets> => {
    const secrets = await readWorkerSecrets(secretsPath, onSecret);
    if (secrets !== null) return secrets;
    throw new LocalError(
      `${secretsPath} is not there, and the present keys are unknown without it: name its folder with --secrets-dir`,
    );
  };
  const replace = async (secrets: WorkerSecrets) => {
    tell(secrets, secretsPath, onSecret);
    await replaceOwn(secretsPath, secretsText(secrets));
    return hidden(secrets, secretsPath);
  };
  return {
    cookieKeyIds: async () => Object.keys(keysIn(await read(), secretsPath)),
    async arrange(ids) {
      const secrets = await read();
      const present = keysIn(secrets, secretsPath);
      const keys = Object.fromEntries(ids.map((id) => [id, present[id] ?? random(32)]));
      const arranged = { ...secrets, COOKIE_KEYS: JSON.stringify(keys) };
      if (arranged.COOKIE_KEYS === secrets.COOKIE_KEYS)
        return hidden(secrets, secretsPath).COOKIE_KEYS;
      return (await replace(arranged)).COOKIE_KEYS;
    },
    async renewQaToken() {
      const secrets = await read();
      const isNew = (await readQaToken(qaTokenPath, onSecret)) !== secrets.QA_TOKEN;
      if (isNew) return hidden(secrets, secretsPath).QA_TOKEN;
      const { QA_TOKEN } = generateSecrets(random, null);
      return (await replace({ ...secrets, QA_TOKEN })).QA_TOKEN;
    },
    keepQaToken: async () => replaceOwn(qaTokenPath, `${(await read()).QA_TOKEN}\n`),
    async signing() {
      return readDocument(await readOwn(signingPath), signingSchema, MAX_CHARS);
    },
    rememberSigning: (signing) => replaceOwn(signingPath, `${JSON.stringify(signing)}\n`),
  };
}

function keysIn(secrets: WorkerSecrets, path: string): Record<string, string> {
  const keys = readDocument(secrets.COOKIE_KEYS, keysSchema, MAX_CHARS) ?? {};
  if (Object.keys(keys).length > 0) return keys;
  throw new LocalError(`${path}: COOKIE_KEYS holds no key`);
}
