/** The composition root: builds the adapters for one environment. Nothing else constructs them. */
import { homedir } from "node:os";
import { dirname } from "node:path";
import { createAccountProbe } from "../adapters/account-probe.ts";
import { createClock } from "../adapters/clock.ts";
import { createCloudflareClient } from "../adapters/cloudflare-client.ts";
import { createStateStore } from "../adapters/cloudflare-store.ts";
import { loadConfig } from "../adapters/config-file.ts";
import { createIdentity } from "../adapters/identity.ts";
import { createJournal, defaultStateDir } from "../adapters/journal.ts";
import { createQaProbe } from "../adapters/qa-client.ts";
import type { Redact } from "../adapters/redact.ts";
import { createRedactor } from "../adapters/redact.ts";
import { createRng } from "../adapters/rng.ts";
import { loadSecret, type Secret } from "../adapters/secrets.ts";
import type { ConfigFile, Environment } from "../domain/environment.ts";
import { apiBaseUrlOf, findEnvironment, toTarget } from "../domain/environment.ts";
import type { AccountProbe, Journal, Ports, StateStore } from "../ports.ts";
import { UpstreamError } from "../ports.ts";
import { UsageError } from "./errors.ts";
import type { GlobalFlags } from "./program.ts";
import { createProgress } from "./progress.ts";
import type { Shell } from "./run.ts";

export interface World {
  ports: Ports;
  redact: Redact;
}

export async function compose(
  flags: GlobalFlags,
  shell: Shell,
  interrupt: AbortSignal,
  options: { relief: boolean } = { relief: false },
): Promise<World> {
  const { path, config } = await loadConfig({ cwd: shell.cwd, explicitPath: flags.config });
  const name = environmentName(config, flags, shell.env);
  const environment = environmentOf(config, name, path);
  const { token, qaToken } = await secrets(environment, flags, shell, {
    baseDir: dirname(path),
    ...options,
  });
  const redact = createRedactor([token, qaToken]);
  const clock = createClock();
  const qa = createQaProbe({
    urls: environment.qaUrls,
    token: qaToken,
    clock,
    version: shell.version,
    secrets: [token],
  });
  const ports: Ports = {
    target: toTarget(name, environment, flags.config ?? null),
    identity: createIdentity({ env: shell.env, version: shell.version }),
    qa,
    clock,
    rng: createRng(),
    progress: createProgress((text) => shell.console.err(redact(text))),
    interrupt,
    nodeVersion: process.versions.node,
    ...(token === null ? withoutToken() : withToken(token, { environment, name, shell, qaToken })),
  };
  return { ports, redact };
}

type ApiPorts = { store: StateStore; journal: Journal; account: AccountProbe };

function withToken(
  token: Secret,
  context: { environment: Environment; name: string; shell: Shell; qaToken: Secret | null },
): ApiPorts {
  const { environment, name, shell, qaToken } = context;
  const { accountId, namespaceId } = environment;
  const client = createCloudflareClient({
    apiBaseUrl: apiBaseUrlOf(environment),
    token,
    version: shell.version,
    secrets: [qaToken],
  });
  const place = { client, accountId, namespaceId };
  const stateDir = defaultStateDir(shell.env, homedir());
  return {
    store: createStateStore(place),
    journal: createJournal({ ...place, env: name, stateDir }),
    account: createAccountProbe({ ...place, token }),
  };
}

/** `/qa`, the plan and the manual way still work; whatever needs the API says what is missing. */
function withoutToken(): ApiPorts {
  const refuse = () =>
    Promise.reject(
      new UpstreamError("auth", "no API token: export CLOUDFLARE_API_TOKEN=… (or tokenFile)"),
    );
  return {
    store: { read: refuse, writeStop: refuse, writeConfig: refuse },
    journal: {
      append: async () => ["no API token: the journal was not written"],
      recent: async () => ({ entries: [], warnings: ["no API token: the journal was not read"] }),
    },
    account: { token: refuse, namespace: refuse, writable: refuse },
  };
}

interface SecretContext {
  baseDir: string;
  relief: boolean;
}

async function secrets(
  environment: Environment,
  flags: GlobalFlags,
  shell: Shell,
  { baseDir, relief }: SecretContext,
) {
  if (flags.tokenFile === "-" && flags.qaTokenFile === "-") {
    throw new UsageError("only one secret can come from standard input", "--qa-token-file <path>");
  }
  const common = { env: shell.env, baseDir, stdin: process.stdin };
  const token = await loadSecret({
    ...common,
    name: "CLOUDFLARE_API_TOKEN",
    option: flags.tokenFile,
    configured: environment.tokenFile,
  });
  const loading = loadSecret({
    ...common,
    name: "PIXCANARY_QA_TOKEN",
    option: flags.qaTokenFile,
    configured: environment.qaTokenFile,
  });
  const qaToken = relief ? await loading.catch((error) => doWithout(error, shell)) : await loading;
  return { token, qaToken };
}

/** The token of `/qa` is for proving; what proves a stop must never keep it from being written. */
function doWithout(error: unknown, shell: Shell): null {
  const why = error instanceof Error ? error.message : String(error);
  shell.console.err(`! going on without the /qa token: ${why}`);
  return null;
}

/** Never a default among several: the wrong environment is the worst thing to change. */
function environmentName(config: ConfigFile, flags: GlobalFlags, env: NodeJS.ProcessEnv): string {
  const named = flags.env ?? env.PIXCANARY_ENV;
  if (named !== undefined && named !== "") return named;
  const names = Object.keys(config.environments);
  const [only] = names;
  if (names.length === 1 && only !== undefined) return only;
  throw new UsageError(
    `which environment? there are ${names.join(", ")}`,
    `--env ${only ?? "<name>"}`,
  );
}

function environmentOf(config: ConfigFile, name: string, path: string): Environment {
  const environment = findEnvironment(config, name);
  if (environment !== null) return environment;
  const names = Object.keys(config.environments).join(", ");
  throw new UsageError(
    `there is no environment ${JSON.stringify(name)} in ${path}`,
    `one of: ${names}`,
  );
}
