/** Files of the operator's own with secrets of the Worker: 0600, written whole. */
import { link, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { isQaToken, QA_TOKEN_FORM } from "../domain/config/qa-token.ts";
import type { GeneratedName, WorkerSecrets } from "../domain/setup/worker-secrets.ts";
import { GENERATED, parseWorkerSecrets } from "../domain/setup/worker-secrets.ts";
import { LocalError } from "../ports/errors.ts";
import { local } from "./local-failure.ts";
import { makeFolder } from "./make-folder.ts";
import { openIfThere } from "./regular-file.ts";
import { exposureOf, Secret } from "./secrets.ts";
import { writeAside, writeWhole } from "./whole-file.ts";

const MAX_BYTES = 64 * 1024;

type OnSecret = (secret: Secret) => void;

/** Null when there is none. Throws LocalError. */
export async function readWorkerSecrets(
  path: string,
  onSecret: OnSecret,
): Promise<WorkerSecrets | null> {
  const text = await readOwn(path);
  if (text === null) return null;
  const parsed = parseWorkerSecrets(text);
  if ("problem" in parsed) throw new LocalError(`${path}: ${parsed.problem}`);
  tell(parsed, path, onSecret);
  return parsed;
}

/** Null when there is none. Throws LocalError. */
export async function readQaToken(path: string, onSecret: OnSecret): Promise<string | null> {
  const token = (await readOwn(path))?.trim() ?? null;
  if (token === null) return null;
  if (!isQaToken(token)) throw new LocalError(`${path} is not ${QA_TOKEN_FORM}`);
  onSecret(new Secret(token, `file ${path}`));
  return token;
}

/** What `wrangler secret bulk` takes. */
export function secretsText(secrets: WorkerSecrets): string {
  return `${JSON.stringify(secrets, null, 2)}\n`;
}

/** Never in place of what is there. Throws LocalError. */
export async function makeOwn(path: string, text: string): Promise<void> {
  await local(`write ${path}`, async () => {
    await makeFolder(dirname(path));
    const aside = await writeAside(path, text);
    // Unlike a rename, a link never takes the place of what is there.
    await link(aside, path).finally(() => rm(aside, { force: true }));
  });
}

/** In place of what is there, at once. Throws LocalError. */
export function replaceOwn(path: string, text: string): Promise<void> {
  return local(`write ${path}`, () => writeWhole(path, text));
}

/** Before anything is done with them. */
export function tell(secrets: WorkerSecrets, path: string, onSecret: OnSecret): void {
  for (const secret of Object.values(hidden(secrets, path))) onSecret(secret);
  // Each key alone is as secret as the document.
  for (const [key = ""] of secrets.COOKIE_KEYS.matchAll(/[A-Za-z0-9+/=]{16,}/g)) {
    onSecret(new Secret(key, `file ${path}`));
  }
}

export function hidden(secrets: WorkerSecrets, path: string): Record<GeneratedName, Secret> {
  const [cookieKeys, signingKey, qaToken] = GENERATED.map(
    (name) => new Secret(secrets[name], `file ${path}`),
  ) as [Secret, Secret, Secret];
  return { COOKIE_KEYS: cookieKeys, URL_SIGNING_KEY: signingKey, QA_TOKEN: qaToken };
}

/** Null when it is not there. Refuses one that others can read or change. */
export async function readOwn(path: string): Promise<string | null> {
  return local(`read ${path}`, async () => {
    const file = await openIfThere(path);
    if (file === null) return null;
    try {
      const exposed = exposureOf(path, await file.stat());
      if (exposed !== null) {
        const { message, hint, command } = exposed;
        throw new LocalError(`${message}; ${hint}`, { fix: command });
      }
      const buffer = Buffer.alloc(MAX_BYTES);
      const { bytesRead } = await file.read(buffer, 0, MAX_BYTES, 0);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  });
}
