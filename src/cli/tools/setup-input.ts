/** What `setup` is to make: from flags, variables, the files that are there, and questions on a terminal. */
import { dirname, isAbsolute, join, resolve } from "node:path";
import { createAccountAdmin, listAccounts } from "../../adapters/account-admin.ts";
import { loadAllowedHosts, ownConfigDir } from "../../adapters/allowed-hosts.ts";
import { type CloudflareClient, createCloudflareClient } from "../../adapters/cloudflare-client.ts";
import { createConfigFiles } from "../../adapters/config-edit.ts";
import { parseConfigFile } from "../../adapters/config-file.ts";
import { createIdentity } from "../../adapters/identity.ts";
import { createGrowingRedactor, type GrowingRedactor, type Redact } from "../../adapters/redact.ts";
import { createRng } from "../../adapters/rng.ts";
import { createSecretFiles } from "../../adapters/secret-files.ts";
import { expandHome, secretsIn } from "../../adapters/secrets.ts";
import { invocation, shellWord } from "../../commands/lib/format.ts";
import type { SetupGiven } from "../../commands/setup.ts";
import {
  isSafeApiUrl,
  OFFICIAL_API_URL,
  settingSchemas as settings,
} from "../../domain/config/environment.ts";
import { allowCommand, strangersIn } from "../../domain/config/token-hosts.ts";
import { PROXY_ONLY_TAG, PROXY_ONLY_VAR } from "../../domain/ladder/proxy-only.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { fieldAt } from "../../domain/setup/config-edit.ts";
import { CANARY_TAG, defaultNames, LOGS_PREFIX, type Wanted } from "../../domain/setup/wanted.ts";
import type { SecretFiles, SetupPorts } from "../../ports/setup.ts";
import { UsageError } from "../errors.ts";
import type { GlobalFlags } from "../program.ts";
import { createProgress } from "../progress.ts";
import type { Shell } from "../shell.ts";
import type { SetupInput } from "./setup-flags.ts";
import { type Known, problemIn, readKnown, textAt } from "./setup-known.ts";
import { question } from "./setup-questions.ts";
import { loadSetupSecrets } from "./setup-secrets.ts";

const LOOK_MS = 30_000;

export interface Prepared extends Omit<SetupGiven, "timeoutMs"> {
  ports: SetupPorts;
  redact: Redact;
}

/** Throws UsageError, ConfigError and SecretError. */
export async function prepare(
  own: SetupInput,
  flags: GlobalFlags,
  shell: Shell,
  interrupt: AbortSignal,
): Promise<Prepared> {
  const configFiles = createConfigFiles();
  const known = await readKnown(own, flags, shell, configFiles);
  const redactor = createGrowingRedactor(secretsIn(shell.env));
  const secrets = await loadSetupSecrets(own, flags, shell, known.present, redactor);
  const apiBaseUrl = apiUrlOf(known.present, shell);
  const client = createCloudflareClient({
    through: shell.through,
    apiBaseUrl: apiBaseUrl ?? OFFICIAL_API_URL,
    token: secrets.token,
    version: shell.version,
    redact: redactor.redact,
  });
  const names = await namesOf(own, known, shell);
  const accountId = own.account ?? (await accountOf(known.present, client, shell, interrupt));
  const secretFiles = secretFilesOf(own, known, shell, redactor);
  const wanted: Wanted = {
    ...names,
    accountId,
    apiBaseUrl,
    qaTokenFile:
      textAt(known.present, "qaTokenFile") ?? withTilde(secretFiles.qaTokenPath, shell.home),
    notify: secrets.notify,
  };
  const ports: SetupPorts = {
    ...machineOf(flags, shell, redactor.redact),
    account: createAccountAdmin({ client, accountId, clock: shell.clock }),
    secretFiles,
    configFiles,
    given: secrets.given,
    r2Key: secrets.r2Key,
    checkConfig: (text) => parseConfigFile(text, known.configPath),
    interrupt,
  };
  const next = await nextCommands(wanted, known, secretFiles.secretsPath, flags, shell);
  return {
    wanted,
    files: { ...known, short: (path) => shortPath(path, shell) },
    next,
    ports,
    redact: redactor.redact,
  };
}

function machineOf(
  flags: GlobalFlags,
  shell: Shell,
  redact: Redact,
): Pick<SetupPorts, "clock" | "identity" | "progress" | "rng"> {
  const identity = createIdentity({ env: shell.env, version: shell.version });
  return {
    identity: { ...identity, actor: redact(identity.actor) },
    clock: shell.clock,
    rng: createRng(),
    progress: createProgress(
      (text) => shell.console.err(redact(text)),
      () => undefined,
      flags.quiet,
    ),
  };
}

/** The /qa token stays where the configuration looks for it already. */
function secretFilesOf(
  own: SetupInput,
  { env, present, configPath }: Known,
  shell: Shell,
  redactor: GrowingRedactor,
): SecretFiles {
  const configured = textAt(present, "qaTokenFile");
  const fromFolder = (path: string): string =>
    isAbsolute(path) ? path : join(dirname(configPath), path);
  return createSecretFiles({
    folder: resolve(shell.cwd, own.secretsDir ?? join(ownConfigDir(shell), env)),
    qaTokenPath:
      configured === undefined ? undefined : fromFolder(expandHome(configured, shell.home)),
    onSecret: redactor.add,
  });
}

/** Undefined for Cloudflare's own. */
function apiUrlOf(present: unknown, { env }: Shell): string | undefined {
  const url = textAt(present, "apiBaseUrl") ?? (env.CLOUDFLARE_API_BASE_URL || undefined);
  if (url === undefined || url.replace(/\/+$/, "") === OFFICIAL_API_URL) return undefined;
  if (isSafeApiUrl(url)) return url;
  const message = `CLOUDFLARE_API_BASE_URL must be ${OFFICIAL_API_URL}, or http:// on loopback`;
  throw new UsageError(message, "unset CLOUDFLARE_API_BASE_URL");
}

/** Of the file, the variable, or the only one that the token sees. */
async function accountOf(
  present: unknown,
  client: CloudflareClient,
  shell: Shell,
  interrupt: AbortSignal,
): Promise<string> {
  const configured = textAt(present, "accountId") ?? (shell.env.CLOUDFLARE_ACCOUNT_ID || undefined);
  if (configured !== undefined) {
    if (settings.accountId.safeParse(configured).success) return configured;
    throw new UsageError("the account id must be 32 hexadecimal digits", "--account <id>");
  }
  const signal = anySignal([interrupt, shell.clock.timeout(LOOK_MS)]);
  const seen = await listAccounts({ client, clock: shell.clock }, { signal }).catch(() => []);
  const [first] = seen;
  if (seen.length === 1 && first !== undefined) return first.id;
  return question(shell, {
    what: `account id${seen.length === 0 ? "" : ` (${seen.map(({ id, name }) => `${name} ${id}`).join(", ")})`}`,
    flag: "--account <id>",
    problemOf: (text) => problemIn(settings.accountId, text),
  });
}

const IN_FILES = [
  "worker",
  "canaryTag",
  "dataset",
  "mediaBucket",
  "logsBucket",
  "logsPrefix",
] as const;

type Names = Omit<Wanted, "accountId" | "apiBaseUrl" | "qaTokenFile" | "notify">;

/** A flag counts before what the files say, and these before what is usual. */
async function namesOf(own: SetupInput, known: Known, shell: Shell): Promise<Names> {
  const { env, present, wrangler } = known;
  const usual = defaultNames(env);
  const inFiles = {
    worker: await workerOf(own, known, shell),
    canaryTag: own.tag ?? textAt(present, "canaryTag") ?? CANARY_TAG,
    dataset: own.dataset ?? textAt(present, "dataset") ?? wrangler?.dataset ?? usual.dataset,
    mediaBucket:
      own.mediaBucket ??
      textAt(present, "mediaBucket") ??
      wrangler?.mediaBucket ??
      usual.mediaBucket,
    logsBucket: own.logsBucket ?? textAt(present, "logsBucket") ?? usual.logsBucket,
    logsPrefix: textAt(present, "logsPrefix") ?? LOGS_PREFIX,
  };
  for (const name of IN_FILES) refuseOdd(name, inFiles[name]);
  return {
    ...inFiles,
    env,
    qaUrls: own.qaUrl ?? (await qaUrlsOf(present, shell)),
    logsPrefix: withSlash(inFiles.logsPrefix),
    namespaceId: textAt(present, "namespaceId") ?? null,
    boundNamespaceId: wrangler?.namespaceId ?? null,
  };
}

/** Where the two files name one each, nobody knows which is meant. */
async function workerOf(
  own: SetupInput,
  { present, wrangler, wranglerPath }: Known,
  shell: Shell,
): Promise<string> {
  const deployed = wrangler?.worker ?? null;
  if (deployed !== null) refuseOdd("worker", deployed);
  const worker =
    own.worker ??
    textAt(present, "worker") ??
    deployed ??
    (await question(shell, {
      what: "name of the Worker",
      flag: "--worker <name>",
      problemOf: (text) => problemIn(settings.worker, text),
    }));
  if (deployed === null || deployed === worker) return worker;
  const message = `the Worker is ${worker} here, and ${deployed} in ${wranglerPath}`;
  throw new UsageError(message, `--worker ${shellWord(deployed)}`);
}

/** It stands in commands, messages and other files. */
function refuseOdd(name: keyof typeof settings, value: string): void {
  const problem = problemIn(settings[name], value);
  if (problem === undefined) return;
  throw new UsageError(`${name} ${problem}`, "correct it in pixcanary.json or wrangler's file");
}

async function qaUrlsOf(present: unknown, shell: Shell): Promise<readonly string[]> {
  const configured = settings.qaUrls.safeParse(fieldAt(present, "qaUrls"));
  if (configured.success) return configured.data;
  const url = await question(shell, {
    what: "address of /qa, e.g. https://api.pix.immo/qa",
    flag: "--qa-url <urls>",
    problemOf: (text) => problemIn(settings.qaUrls, [text]),
  });
  return [url];
}

function withSlash(prefix: string): string {
  return prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
}

/** From this folder where it is below it, else as people write it. */
function shortPath(path: string, { cwd, home }: Shell): string {
  return path.startsWith(`${cwd}/`) ? path.slice(cwd.length + 1) : withTilde(path, home);
}

/** As people write it; a file in a repository must not name one person's home. */
function withTilde(path: string, home: string): string {
  return path.startsWith(`${home}/`) ? `~/${path.slice(home.length + 1)}` : path;
}

async function nextCommands(
  wanted: Wanted,
  { configPath, wranglerPath, wrangler: facts }: Known,
  secretsPath: string,
  flags: GlobalFlags,
  shell: Shell,
): Promise<SetupGiven["next"]> {
  const doctor = invocation({ env: wanted.env, configPath: flags.config ?? null }, "doctor");
  const hosts = await loadAllowedHosts({
    env: shell.env,
    home: shell.home,
    option: flags.allowHost,
  });
  const isOwn = dirname(configPath) === ownConfigDir(shell);
  const strangers = isOwn ? [] : strangersIn(wanted.qaUrls, hosts.hosts);
  // In a file without environments, wrangler would take it for another Worker.
  const env = facts?.section.length === 0 ? "" : ` --env ${shellWord(wanted.env)}`;
  const secrets = `npx wrangler secret bulk${env} < ${shellWord(secretsPath)}`;
  // The file's own build command is run in the folder where wrangler is.
  const folder = wranglerPath === null ? "." : dirname(wranglerPath);
  const proxyOnly = `npx wrangler versions upload${env} --var ${PROXY_ONLY_VAR}:1 --tag ${PROXY_ONLY_TAG}`;
  return {
    // The newest version has to serve: wrangler sets no secret while a newer one waits.
    proxyOnly: `(cd ${shellWord(folder)} && ${proxyOnly} && npx wrangler deploy${env})`,
    deploy: `(cd ${shellWord(folder)} && npx wrangler deploy${env} && ${secrets})`,
    doctor: strangers.length === 0 ? doctor : `${allowCommand(strangers, hosts.file)} && ${doctor}`,
    again: ["pixcanary", ...shell.argv.map(shellWord)].join(" "),
  };
}
