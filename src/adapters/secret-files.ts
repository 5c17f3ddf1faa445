/** The Worker's secrets in files of the operator's own, as `setup` makes them. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { WorkerSecrets } from "../domain/setup/worker-secrets.ts";
import { generateSecrets } from "../domain/setup/worker-secrets.ts";
import { LocalError } from "../ports/errors.ts";
import type { SecretFiles } from "../ports/setup.ts";
import { hidden, makeOwn, readQaToken, readWorkerSecrets, secretsText, tell } from "./own-files.ts";
import type { Secret } from "./secrets.ts";

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
  const readSecrets = (): Promise<WorkerSecrets | null> => readWorkerSecrets(secretsPath, onSecret);
  const readToken = (): Promise<string | null> => readQaToken(qaTokenPath, onSecret);
  return {
    secretsPath,
    qaTokenPath,
    async present() {
      const [secrets, token] = await Promise.all([readSecrets(), readToken()]);
      if (secrets !== null && token !== null && secrets.QA_TOKEN !== token) {
        throw new LocalError(
          `${secretsPath} and ${qaTokenPath} hold different /qa tokens: ` +
            "setup rotate-keys --qa-token makes that of the first the Worker's",
        );
      }
      return { secrets: secrets !== null, qaToken: token !== null };
    },
    async complete() {
      const token = await readToken();
      let secrets = await readSecrets();
      if (secrets === null) {
        secrets = generateSecrets((bytes) => randomBytes(bytes).toString("base64"), token);
        tell(secrets, secretsPath, onSecret);
        await makeOwn(secretsPath, secretsText(secrets));
      }
      if (token === null) await makeOwn(qaTokenPath, `${secrets.QA_TOKEN}\n`);
      return hidden(secrets, secretsPath);
    },
  };
}
