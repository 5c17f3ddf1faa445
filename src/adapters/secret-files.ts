/** The Worker's secrets in files of the operator's own: 0600, written whole, never overwritten. */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { link, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isQaToken, QA_TOKEN_FORM } from "../domain/config/qa-token.ts";
import type { GeneratedName, WorkerSecrets } from "../domain/setup/worker-secrets.ts";
import { GENERATED, generateSecrets, parseWorkerSecrets } from "../domain/setup/worker-secrets.ts";
import { LocalError } from "../ports/errors.ts";
import type { SecretFiles } from "../ports/setup.ts";
import { makeFolder } from "./make-folder.ts";
import { openRegular } from "./regular-file.ts";
import { exposureOf, Secret } from "./secrets.ts";
import { writeAside } from "./whole-file.ts";

const MAX_BYTES = 64 * 1024;

export interface SecretFilesOptions {
  folder: string;
  /** Where the configuration looks for it already; in the folder otherwise. */
  qaTokenPath?: string | undefined;
  /** Told of each secret before anything is done with it. */
  onSecret(secret: Secret): void;
}

export function createSecretFiles({
  folder,
  qaTokenPath = join(folder, "qa-token"),
  onSecret,
}: SecretFilesOptions): SecretFiles {
  const secretsPath = join(folder, "worker-secrets.json");
  const readSecrets = async (): Promise<WorkerSecrets | null> => {
    const text = await readOwn(secretsPath);
    if (text === null) return null;
    const parsed = parseWorkerSecrets(text);
    if ("problem" in parsed) throw new LocalError(`${secretsPath}: ${parsed.problem}`);
    tell(parsed, secretsPath, onSecret);
    return parsed;
  };
  const readToken = async (): Promise<string | null> => {
    const token = (await readOwn(qaTokenPath))?.trim() ?? null;
    if (token === null) return null;
    if (!isQaToken(token)) throw new LocalError(`${qaTokenPath} is not ${QA_TOKEN_FORM}`);
    onSecret(new Secret(token, `file ${qaTokenPath}`));
    return token;
  };
  return {
    secretsPath,
    qaTokenPath,
    async present() {
      const [secrets, token] = await Promise.all([readSecrets(), readToken()]);
      if (secrets !== null && token !== null && secrets.QA_TOKEN !== token) {
        throw new LocalError(`${secretsPath} and ${qaTokenPath} hold different /qa tokens`);
      }
      return { secrets: secrets !== null, qaToken: token !== null };
    },
    async complete() {
      const token = await readToken();
      let secrets = await readSecrets();
      if (secrets === null) {
        secrets = generateSecrets((bytes) => randomBytes(bytes).toString("base64"), token);
        tell(secrets, secretsPath, onSecret);
        await makeFile(secretsPath, `${JSON.stringify(secrets, null, 2)}\n`);
      }
      if (token === null) await makeFile(qaTokenPath, `${secrets.QA_TOKEN}\n`);
      return hidden(secrets, secretsPath);
    },
  };

  async function makeFile(path: string, text: string): Promise<void> {
    await local(path, async () => {
      await makeFolder(dirname(path));
      const aside = await writeAside(path, text);
      // Unlike a rename, a link never takes the place of what is there.
      await link(aside, path).finally(() => rm(aside, { force: true }));
    });
  }
}

function tell(secrets: WorkerSecrets, path: string, onSecret: (secret: Secret) => void): void {
  for (const secret of Object.values(hidden(secrets, path))) onSecret(secret);
  // Each key alone is as secret as the document.
  for (const [key = ""] of secrets.COOKIE_KEYS.matchAll(/[A-Za-z0-9+/=]{16,}/g)) {
    onSecret(new Secret(key, `file ${path}`));
  }
}

function hidden(secrets: WorkerSecrets, path: string): Record<GeneratedName, Secret> {
  const [cookieKeys, signingKey, qaToken] = GENERATED.map(
    (name) => new Secret(secrets[name], `file ${path}`),
  ) as [Secret, Secret, Secret];
  return { COOKIE_KEYS: cookieKeys, URL_SIGNING_KEY: signingKey, QA_TOKEN: qaToken };
}

/** Null when it is not there. Refuses one that others can read or change. */
async function readOwn(path: string): Promise<string | null> {
  return local(path, async () => {
    const file = await openRegular(path, constants.O_RDONLY).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return null;
        throw error;
      },
    );
    if (file === null) return null;
    try {
      const exposed = exposureOf(path, await file.stat());
      if (exposed !== null) throw new LocalError(`${exposed.message}; ${exposed.hint}`);
      const buffer = Buffer.alloc(MAX_BYTES);
      const { bytesRead } = await file.read(buffer, 0, MAX_BYTES, 0);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  });
}

async function local<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LocalError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "error";
    throw new LocalError(`${path}: ${code}`, { cause: error });
  }
}
