/** The composition root: builds the adapters for one environment. Nothing else constructs them. */
import { dirname } from "node:path";
import { createAccountProbe } from "../adapters/account-probe.ts";
import { createMetrics } from "../adapters/analytics.ts";
import { type AnswerClock, createApiClock, putRight } from "../adapters/api-clock.ts";
import { createCloudflareClient } from "../adapters/cloudflare-client.ts";
import { createStateStore } from "../adapters/cloudflare-store.ts";
import { type LoadedConfig, loadConfig, loadForRelief } from "../adapters/config-file.ts";
import { createDebts } from "../adapters/debts.ts";
import { createIdentity } from "../adapters/identity.ts";
import { createJournal, createLocalJournal } from "../adapters/journal.ts";
import { createDocuments } from "../adapters/kv-documents.ts";
import { createLadder, refusingLadder } from "../adapters/ladder.ts";
import { fromStdin } from "../adapters/logs/find.ts";
import { createLogFolders } from "../adapters/logs/folder.ts";
import { createLogArchive } from "../adapters/logs/r2-archive.ts";
import { createLogReader } from "../adapters/logs/reader.ts";
import { createLogTail } from "../adapters/logs/tail-socket.ts";
import { createMediaProbe } from "../adapters/media-probe.ts";
import { createPages } from "../adapters/pages.ts";
import { createQaProbe } from "../adapters/qa-client.ts";
import { createRampFile } from "../adapters/ramp-file.ts";
import type { Redact } from "../adapters/redact.ts";
import { createGrowingRedactor } from "../adapters/redact.ts";
import { createReportFolders } from "../adapters/report-folder.ts";
import { createRng } from "../adapters/rng.ts";
import { type Secret, secretsIn } from "../adapters/secrets.ts";
import { defaultStateDir, type StatePlace } from "../adapters/state-folder.ts";
import { createVisitorHttp } from "../adapters/visitor-http.ts";
import type { Environment } from "../domain/config/environment.ts";
import { apiBaseUrlOf, toTarget } from "../domain/config/environment.ts";
import { distinctUrls } from "../domain/config/safe-url.ts";
import { UpstreamError } from "../ports/errors.ts";
import type { MissingSecret, Ports } from "../ports/ports.ts";
import { composeDatabase } from "./compose-database.ts";
import { composeNotifier } from "./compose-notifier.ts";
import { composeStopSender } from "./compose-operator.ts";
import { configSources, environmentForRelief, environmentOf } from "./environment.ts";
import { checkedHosts, tokenHosts } from "./hosts.ts";
import { loadSecrets, NO_SECRETS } from "./load-secrets.ts";
import type { GlobalFlags } from "./program.ts";
import { createProgress } from "./progress.ts";
import { createScreen } from "./screen.ts";
import type { Shell } from "./shell.ts";

export interface World {
  ports: Ports;
  redact: Redact;
}

interface ComposeOptions {
  relief: boolean;
  /** Changes nothing: it goes on without a secret that is configured and cannot be used. */
  reads?: boolean;
  /** Asks nobody, and needs no secret. */
  offline?: boolean;
  anyHost?: boolean;
}

export async function compose(
  flags: GlobalFlags,
  shell: Shell,
  interrupt: AbortSignal,
  options: ComposeOptions = { relief: false },
): Promise<World> {
  const found = await configured(flags, shell, options.relief);
  return composeWith(found, { flags, shell, interrupt, options });
}

/** What is wrong with secrets or hosts throws; where to write is known by then. */
export async function composeWith(
  { loaded, name, environment, warnings }: Configured,
  given: { flags: GlobalFlags; shell: Shell; interrupt: AbortSignal; options: ComposeOptions },
): Promise<World> {
  const { flags, shell, interrupt, options } = given;
  for (const warning of warnings) shell.console.err(`! continuing despite: ${warning}`);
  const baseDir = dirname(loaded.path);
  const from = { baseDir, ...options };
  const { token, qaToken, session, missing } =
    options.offline === true ? NO_SECRETS : await loadSecrets(environment, flags, shell, from);
  const redactor = createGrowingRedactor([token, qaToken, session, ...secretsIn(shell.env)]);
  const { redact } = redactor;
  const hosts = await checkedHosts(loaded.path, environment, { qaToken, flags, shell, ...options });
  const apiClock = createApiClock(shell.clock);
  const clock = putRight(shell.clock, apiClock);
  const { qaUrls } = environment;
  const asking = { token: qaToken, allowed: hosts.hosts, clock, version: shell.version };
  const qa = createQaProbe({ ...asking, urls: qaUrls, secrets: [token] });
  const apiPorts =
    token === null
      ? withoutToken(missing, statePlace(environment, name, shell))
      : withToken(token, { environment, name, shell, qaToken, apiClock });
  const identity = createIdentity({ env: shell.env, version: shell.version });
  const ports: Ports = {
    target: toTarget(name, environment, flags.config ?? null),
    identity: { ...identity, actor: environment.operator?.name ?? redact(identity.actor) },
    qa,
    stopSender: composeStopSender(name, environment, { shell, baseDir, clock, redact }),
    visitor: createVisitorHttp({ ...asking, qaUrls, session, secrets: [token] }),
    notifier: composeNotifier(environment, { shell, baseDir, clock, redactor, hosts }),
    clock,
    rng: createRng(),
    progress: createProgress(
      (text) => shell.console.err(redact(text)),
      (text) => shell.console.status?.(redact(text)),
      flags.quiet,
    ),
    screen: createScreen(shell.console, {
      json: flags.json === true,
      color: flags.color,
      env: shell.env,
    }),
    interrupt,
    debts: createDebts(statePlace(environment, name, shell), inBackground(name, flags, shell)),
    rampFile: createRampFile(statePlace(environment, name, shell)),
    tokenHosts: tokenHosts(environment, hosts, session),
    missingSecrets: missing,
    database: composeDatabase(shell.env, redactor),
    nodeVersion: process.versions.node,
    ...apiPorts,
    logs: { ...apiPorts.logs, ...localLogs(shell) },
    reports: createReportFolders(shell.cwd),
    pages: createPages(),
    redact,
  };
  return { ports, redact };
}

/** `deliver` with what this command was given; a secret from standard input is gone by then. */
function inBackground(name: string, flags: GlobalFlags, shell: Shell): (() => void) | null {
  const { background } = shell;
  if (background === undefined) return null;
  const { config, tokenFile, allowHost } = flags;
  const words = Object.entries({
    "--env": name,
    "--config": config,
    "--token-file": tokenFile === "-" ? undefined : tokenFile,
    "--allow-host": allowHost,
  }).flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
  return () => background(["deliver", ...words]);
}

function statePlace(
  { accountId, namespaceId }: Environment,
  env: string,
  shell: Shell,
): StatePlace {
  return { stateDir: defaultStateDir(shell.env, shell.home), env, accountId, namespaceId };
}

/** What reads and writes logs on this machine: needs no environment. */
export function localLogs({ cwd }: Shell): Pick<Ports["logs"], "folders" | "reader"> {
  return {
    folders: createLogFolders(cwd),
    reader: createLogReader({ cwd, stdin: fromStdin }),
  };
}

type Asking = "apiClock" | "store" | "documents" | "journal" | "account" | "media" | "metrics";
type ApiPorts = Pick<Ports, Asking | "deployments" | "routes"> & {
  logs: Omit<Ports["logs"], "folders" | "reader">;
};

function withToken(
  token: Secret,
  context: {
    environment: Environment;
    name: string;
    shell: Shell;
    qaToken: Secret | null;
    apiClock: AnswerClock;
  },
): ApiPorts {
  const { environment, name, shell, qaToken, apiClock } = context;
  const { accountId, namespaceId } = environment;
  const apiBaseUrl = apiBaseUrlOf(environment);
  const client = createCloudflareClient({
    through: shell.through,
    apiClock,
    apiBaseUrl,
    token,
    version: shell.version,
    secrets: [qaToken],
  });
  const place = { client, accountId, namespaceId };
  return {
    apiClock,
    store: createStateStore(place),
    documents: createDocuments(place),
    journal: createJournal({ ...place, ...statePlace(environment, name, shell) }),
    account: createAccountProbe({ ...place, token }),
    media: createMediaProbe({ client, accountId, bucket: environment.mediaBucket ?? null }),
    ...createLadder({ client, accountId, worker: environment.worker, clock: shell.clock }),
    metrics: createMetrics({ client, accountId, dataset: environment.dataset ?? null }),
    logs: {
      archive: createLogArchive({
        client,
        accountId,
        bucket: environment.logsBucket ?? null,
        prefix: environment.logsPrefix ?? "",
      }),
      tail: createLogTail({ client, accountId, worker: environment.worker, apiBaseUrl }),
    },
  };
}

/** `/qa`, the plan and the manual way still work; whatever needs the API says what is missing. */
function withoutToken(missing: readonly MissingSecret[], place: StatePlace): ApiPorts {
  const unusable = missing.find(({ what }) => what === "API token");
  const why = unusable?.why ?? "export CLOUDFLARE_API_TOKEN=… or set tokenFile in pixcanary.json";
  const error = new UpstreamError("auth", `no API token: ${why}`);
  return {
    ...refusing(error, "no API token"),
    journal: createLocalJournal(place, "no API token"),
  };
}

/** Everything that needs the API fails with this; the journal says it in a few words. */
export function refusing(error: UpstreamError, why: string): ApiPorts {
  const refuse = () => Promise.reject(error);
  // biome-ignore lint/correctness/useYield: it only fails
  const refusedLines = async function* (): AsyncGenerator<never> {
    await refuse();
  };
  return {
    apiClock: { now: () => null, aheadMs: () => null },
    store: { read: refuse, writeStop: refuse, writeConfig: refuse },
    documents: { get: refuse, put: refuse },
    journal: {
      append: async () => [`${why}: the journal was not written`],
      appendHere: async () => [],
      recent: async () => ({ entries: [], warnings: [`${why}: the journal was not read`] }),
      openIncident: async () => null,
    },
    account: {
      token: refuse,
      namespace: refuse,
      writable: refuse,
      accounts: refuse,
      tails: refuse,
      logJobs: refuse,
    },
    media: { bucket: "", tryOut: refuse },
    ...refusingLadder(refuse),
    metrics: { ask: refuse },
    logs: {
      archive: { place: null, list: refusedLines, read: refuse },
      tail: { follow: refusedLines },
    },
  };
}

export interface Configured {
  loaded: LoadedConfig;
  name: string;
  environment: Environment;
  warnings: readonly string[];
}

/** Throws UsageError and ConfigError. */
export async function configured(
  flags: GlobalFlags,
  shell: Shell,
  relief: boolean,
): Promise<Configured> {
  const { env } = shell;
  const sources = configSources(flags.config, shell);
  const named = flags.env ?? (env.PIXCANARY_ENV || undefined);
  if (relief) {
    const loaded = await loadForRelief(sources);
    return askingOnce({ loaded, ...environmentForRelief(loaded, named, env) });
  }
  const loaded = await loadConfig(sources);
  return askingOnce({ loaded, ...environmentOf(loaded, named), warnings: [] });
}

function askingOnce(found: Configured): Configured {
  const { qaUrls } = found.environment;
  const distinct = distinctUrls(qaUrls);
  const again = qaUrls.length - distinct.length;
  if (again === 0) return found;
  const warning = `${again} of ${qaUrls.length} qaUrls repeat another one; each is asked once: take them out of pixcanary.json`;
  return {
    ...found,
    environment: { ...found.environment, qaUrls: distinct },
    warnings: [...found.warnings, warning],
  };
}
