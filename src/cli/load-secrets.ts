/** An environment's secrets, and what becomes of a command where one cannot be used. */
import { loadSecret, type Secret, SecretError, type SecretSources } from "../adapters/secrets.ts";
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
  const load = async (
    what: MissingSecret["what"],
    places: Pick<SecretSources, "name" | "option" | "configured">,
    mayBeMissing: boolean,
  ): Promise<Secret | null> => {
    try {
      return await loadSecret({ ...shell, baseDir, ...places });
    } catch (error) {
      if (!mayBeMissing || !(error instanceof SecretError)) throw error;
      missing.push({ what, why: error.message, fix: error.hint });
      shell.console.err(`! continuing without the ${what}: ${error.message}`);
      return null;
    }
  };
  const apiToken = {
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
  return {
    token: await load("API token", apiToken, unnamed(flags.tokenFile)),
    // It is for proving; what proves a stop must never keep it from being written.
    qaToken: await load("/qa token", qa, relief || unnamed(flags.qaTokenFile)),
    session: relief ? null : await load("session", visitor, unnamed(undefined)),
    missing,
  };
}
