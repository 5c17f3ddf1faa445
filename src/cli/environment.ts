/** Which environment a command acts on; for relief, put together from what can still be read. */
import {
  ConfigError,
  type ConfigSources,
  type KnownIds,
  type LoadedConfig,
  type Unusable,
} from "../adapters/config-file.ts";
import type { Environment } from "../domain/config/environment.ts";
import {
  environmentForRelief as completed,
  findEnvironment,
  idSchema,
} from "../domain/config/environment.ts";
import { escapeForTerminal } from "../domain/text/escape.ts";
import { shellWord } from "../domain/text/invocation.ts";
import { UsageError } from "./errors.ts";
import type { Shell } from "./shell.ts";

interface Named {
  name: string;
  environment: Environment;
}

/** Where every command looks for its configuration; `named` is what `--config` says. */
export function configSources(named: string | undefined, shell: Shell): ConfigSources {
  const explicitPath = named ?? (shell.env.PIXCANARY_CONFIG || undefined);
  return { cwd: shell.cwd, explicitPath, own: shell };
}

/** Throws UsageError; for an environment that cannot be used, what is wrong with it. */
export function environmentOf(loaded: LoadedConfig, named: string | undefined): Named {
  const name = named ?? onlyName(loaded);
  const environment = findEnvironment(loaded.config, name);
  if (environment !== null) return { name, environment };
  const unusable = loaded.unusable.get(name);
  if (unusable !== undefined) throw unusable.why;
  const names = namesIn(loaded);
  throw new UsageError(
    `no environment ${JSON.stringify(name)} in ${loaded.path}; available: ${names.join(", ")}`,
    envWords(names.length === 1 ? names[0] : undefined),
  );
}

/**
 * What the file does not say comes from the operator's own variables, and never from another
 * environment's block. Throws as `environmentOf` does, and ConfigError with what is missing.
 */
export function environmentForRelief(
  loaded: LoadedConfig,
  named: string | undefined,
  env: NodeJS.ProcessEnv,
): Named & { warnings: readonly string[] } {
  const { broken, warnings } = loaded;
  const name = named ?? (broken === null ? onlyName(loaded) : nameWithout(broken, namesIn(loaded)));
  const known = findEnvironment(loaded.config, name);
  if (known !== null) {
    const qaUrls = known.qaUrls.length > 0 ? known.qaUrls : qaUrlsIn(env);
    return { name, environment: { ...known, qaUrls: [...qaUrls] }, warnings };
  }
  const unusable = loaded.unusable.get(name);
  const why = unusable?.why ?? broken;
  if (why === null) return { ...environmentOf(loaded, name), warnings };
  const environment = fromVariables(name, unusable, env);
  if (environment !== null) {
    const where = `account ${environment.accountId} and namespace ${environment.namespaceId}`;
    return { name, environment, warnings: [why.message, `${where}, partly from variables`] };
  }
  const ids = knownIds(unusable, env);
  const message = `${why.message}\n  ${missingIn(ids, qaUrlsOf(unusable, env))}`;
  throw new ConfigError(message, why.hint, { known: ids });
}

function fieldsOf(unusable: Unusable | undefined): Record<string, unknown> {
  const raw = unusable?.raw;
  return typeof raw === "object" && raw !== null ? { ...raw } : {};
}

function fromVariables(
  name: string,
  unusable: Unusable | undefined,
  env: NodeJS.ProcessEnv,
): Environment | null {
  return completed(name, {
    ...fieldsOf(unusable),
    ...knownIds(unusable, env),
    qaUrls: qaUrlsOf(unusable, env),
  });
}

const VARIABLES = [
  ["accountId", "CLOUDFLARE_ACCOUNT_ID"],
  ["namespaceId", "PIXCANARY_NAMESPACE_ID"],
] as const;

/** What the file says counts before the variable. */
function knownIds(unusable: Unusable | undefined, env: NodeJS.ProcessEnv): KnownIds {
  const read = fieldsOf(unusable);
  return Object.fromEntries(
    VARIABLES.flatMap(([field, variable]) => {
      const ids = [read[field], env[variable]?.trim()];
      const id = ids.map((value) => idSchema.safeParse(value).data).find(Boolean);
      return id === undefined ? [] : [[field, id]];
    }),
  );
}

function missingIn(known: KnownIds, qaUrls: readonly unknown[]): string {
  const ids = VARIABLES.flatMap(([field, variable]) =>
    known[field] === undefined ? [`${field} (export ${variable}=…)`] : [],
  );
  if (ids.length === 0) return "apiBaseUrl or the environment's name cannot be used";
  const proof = qaUrls.length > 0 ? "" : "; for the proof: export PIXCANARY_QA_URL=…";
  return `missing: ${ids.join(", ")}${proof}`;
}

function qaUrlsOf(unusable: Unusable | undefined, env: NodeJS.ProcessEnv): readonly unknown[] {
  const { qaUrls } = fieldsOf(unusable);
  return Array.isArray(qaUrls) && qaUrls.length > 0 ? qaUrls : qaUrlsIn(env);
}

/** Separated by commas or blanks. */
function qaUrlsIn(env: NodeJS.ProcessEnv): string[] {
  return (env.PIXCANARY_QA_URL ?? "").split(/[\s,]+/).filter(Boolean);
}

/** What a broken file still names need not be all that it named: never a default from there. */
function nameWithout(broken: ConfigError, names: readonly string[]): string {
  if (names.length === 0) return "unnamed";
  const message = `${broken.message}\n  no environment given`;
  throw new ConfigError(message, envWords(names[0]));
}

/** Never a default among several: the wrong environment is the worst thing to change. */
function onlyName(loaded: LoadedConfig): string {
  const names = namesIn(loaded);
  const [only] = names;
  if (names.length === 1 && only !== undefined) return only;
  throw new UsageError(`no environment given; available: ${names.join(", ")}`, envWords(only));
}

/** To be typed: in a broken file, a name may be anything. */
function envWords(name: string | undefined): string {
  return `--env ${name === undefined ? "<name>" : shellWord(name)}`;
}

/** Those that cannot be used, too: a mistake in one must not make another the only one. */
function namesIn({ config, unusable }: LoadedConfig): string[] {
  return [...Object.keys(config.environments), ...[...unusable.keys()].map(escapeForTerminal)];
}
