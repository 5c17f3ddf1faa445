/** An environment's secrets, and what becomes of a command where one cannot be used. */
import {
  apiTokenIn,
  loadSecret,
  type Secret,
  SecretError,
  type SecretName,
  type SecretSources,
} from "../adapters/secrets.ts";
import type { Environment } from "../domain/config/environment.ts";
import type { MissingSecret } from "../ports/ports.ts";
import { UsageError } from "./errors.ts";
import type { GlobalFlags } from "./program.ts";
import type { Shell } from "./shell.ts";

interface Secrets {
  token: Secret | null;
  qaToken: Secret | null;
  session: Secret | null;
  missing: readonly MissingSecret[];
}

export const NO_SECRETS: Secrets = { token: null, qaToken: null, session: null, missing: [] };

/** Throws UsageError and SecretError: what was named on the command line is never done without. */
export async function loadSecrets(
  environment: Environment,
  flags: GlobalFlags,
  shell: Shell,
  { baseDir, relief, reads }: { baseDir: string; relief: boolean; reads?: boolean },
): Promise<Secrets> {
  if (flags.tokenFile === "-" && flags.qaTokenFile === "-") {
    throw new UsageError(
      "only one secret can be read from standard input",
      "--qa-token-file <path>",
    );
  }
  const missing: MissingSecret[] = [];
  const onExposed = relief
    ? (problem: string) => shell.console.err(`! continuing despite: ${problem}`)
    : undefined;
  const load = async (
    what: MissingSecret["what"],
    places: Pick<SecretSources, "name" | "option" | "configured">,
    mayBeMissing: boolean,
    apiToken: Secret | null = null,
  ): Promise<Secret | null> => {
    try {
      const secret = await loadSecret({ ...shell, baseDir, onExposed, ...places });
      return notTheApiToken(secret, apiToken, places.name);
    } catch (error) {
      if (!mayBeMissing || !(error instanceof SecretError)) throw error;
      missing.push({ what, why: error.message, fix: error.hint });
      shell.console.err(`! continuing without the ${what}: ${error.message}`);
      return null;
    }
  };
  const api = {
    name: "CLOUDFLARE_API_TOKEN",
    option: flags.tokenFile,
    configured: environment.tokenFile,
  } as const;
  const qa = {
    name: "PIXCANARY_QA_TOKEN",
    option: flags.qaTokenFile,
    configured: environment.qaTokenFile,
  } as const;
  const visitor = { name: "PIXCANARY_SESSION", configured: environment.sessionFile } as const;
  const unnamed = (option: string | undefined): boolean => reads === true && option === undefined;
  const token = await load("API token", api, unnamed(flags.tokenFile));
  return {
    token,
    // It is for proving; what proves a stop must never keep it from being written.
    qaToken: await load("/qa token", qa, relief || unnamed(flags.qaTokenFile), token),
    session: relief ? null : await load("session", visitor, unnamed(undefined), token),
    missing,
  };
}

/** It goes to Cloudflare alone. Throws SecretError. */
function notTheApiToken(
  secret: Secret | null,
  apiToken: Secret | null,
  name: SecretName,
): Secret | null {
  if (secret === null || secret.reveal() !== apiToken?.reveal()) return secret;
  throw apiTokenIn(name, secret.source);
}
