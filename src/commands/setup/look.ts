/** Looks at all that `setup` may have to make. Writes nothing. */
import { type Edit, environmentEdits } from "../../domain/setup/config-edit.ts";
import { deliversTo, findJob, type LogJob } from "../../domain/setup/logpush-fields.ts";
import {
  type FileState,
  type Found,
  type Part,
  type Permission,
  partsOf,
} from "../../domain/setup/parts.ts";
import { jobName, namespaceTitle, type Wanted } from "../../domain/setup/wanted.ts";
import { readWrangler, wranglerEdits } from "../../domain/setup/wrangler-edit.ts";
import { CONFIG_KEY, STOP_KEY } from "../../domain/state/documents.ts";
import { LocalError, type UpstreamError } from "../../ports/errors.ts";
import type { AccountAdmin, Namespace, SetupPorts, TextFile } from "../../ports/setup.ts";
import { asUpstream } from "../lib/write-result.ts";

export interface SetupPlan {
  wanted: Wanted;
  found: Found;
  parts: Part[];
}

/** Where the files are that `setup` writes or updates. */
export interface SetupFiles {
  configPath: string;
  /** Null: none was found. */
  wranglerPath: string | null;
  /** As it is shown: from this folder, or from the operator's home. */
  short(path: string): string;
}

/** What keeps it from being looked at: permissions that the token lacks, or another failure. */
export class LookFailure extends Error {
  override readonly name = "LookFailure";
  readonly missing: readonly Permission[];
  readonly first: UpstreamError;
  constructor(first: UpstreamError, missing: readonly Permission[]) {
    super(first.message);
    this.first = first;
    this.missing = missing;
  }
}

/** Throws LookFailure and LocalError. */
export async function look(
  wanted: Wanted,
  files: SetupFiles,
  ports: SetupPorts,
  signal: AbortSignal,
): Promise<SetupPlan> {
  const { account } = ports;
  const failures: { permission: Permission; error: UpstreamError }[] = [];
  const via = async <T>(permission: Permission, fallback: T, work: Promise<T>): Promise<T> =>
    work.catch((thrown: unknown) => {
      if (thrown instanceof LocalError) throw thrown;
      failures.push({ permission, error: asUpstream(thrown) });
      return fallback;
    });
  const call = { signal };
  const [keys, media, logs, jobs, secretNames] = await Promise.all([
    via("Workers KV Storage: Edit", NO_KEYS, lookAtKeys(account, wanted, signal)),
    via("Workers R2 Storage: Edit", false, account.hasBucket(wanted.mediaBucket, call)),
    via("Workers R2 Storage: Edit", false, account.hasBucket(wanted.logsBucket, call)),
    via("Logs: Edit", [], account.logJobs(call)),
    via("Workers Scripts: Edit", null, account.secretNames(wanted.worker, call)),
  ]);
  const [failure] = failures;
  if (failure !== undefined) throw new LookFailure(failure.error, refusedIn(failures));
  const found: Found = {
    ...keys,
    hasMediaBucket: media,
    hasLogsBucket: logs,
    job: jobOf(wanted, jobs, ports),
    secretNames,
    givenNames: Object.keys(ports.given),
    files: { ...(await ports.secretFiles.present()), ...ports.secretFiles },
    ...(await lookAtFiles(wanted, files, keys.namespaceId, ports)),
  };
  return { wanted, found, parts: partsOf(wanted, asShown(found, files)) };
}

function refusedIn(
  failures: readonly { permission: Permission; error: UpstreamError }[],
): Permission[] {
  const refused = failures.filter(({ error }) => error.kind === "forbidden");
  return [...new Set(refused.map(({ permission }) => permission))];
}

type Keys = Pick<Found, "namespaceId" | "hasConfig" | "hasStop">;

const NO_KEYS: Keys = { namespaceId: null, hasConfig: false, hasStop: false };

async function lookAtKeys(
  account: AccountAdmin,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Keys> {
  const namespaceId = idIn(await account.namespaces({ signal }), wanted);
  if (namespaceId === null) return NO_KEYS;
  const has = async (key: string): Promise<boolean> =>
    (await account.value(namespaceId, key, { signal })) !== null;
  const [hasConfig, hasStop] = await Promise.all([has(CONFIG_KEY), has(STOP_KEY)]);
  return { namespaceId, hasConfig, hasStop };
}

/**
 * The one that pixcanary.json names, else the one that the Worker is bound to, else the one of our title.
 * Throws LocalError where two are meant: a stop must never go to a namespace that the Worker does not read.
 */
export function idIn(all: readonly Namespace[], wanted: Wanted): string | null {
  const has = (wantedId: string | null): boolean => all.some(({ id }) => id === wantedId);
  const { namespaceId, boundNamespaceId } = wanted;
  const bound = has(boundNamespaceId) ? boundNamespaceId : null;
  if (namespaceId === null) {
    const title = namespaceTitle(wanted);
    return bound ?? all.find((one) => one.title === title)?.id ?? null;
  }
  if (!has(namespaceId)) {
    throw new LocalError(
      `the configured namespaceId ${namespaceId} is not a KV namespace of account ${wanted.accountId}`,
    );
  }
  if (bound === null || bound === namespaceId) return namespaceId;
  throw new LocalError(
    `pixcanary.json names the KV namespace ${namespaceId}, the Worker is bound to ${bound}: correct one of the two`,
  );
}

function jobOf(wanted: Wanted, jobs: readonly LogJob[], { r2Key }: SetupPorts): LogJob | null {
  const place = { bucket: wanted.logsBucket, prefix: wanted.logsPrefix };
  const job = findJob(jobs, { name: jobName(wanted), place, worker: wanted.worker });
  if (job !== null && !deliversTo(job, place)) {
    const elsewhere = job.place === null ? "elsewhere" : `${job.place.bucket}/${job.place.prefix}`;
    throw new LocalError(
      `the Logpush job ${jobName(wanted)} (${job.id}) delivers to ${elsewhere}, not to ${place.bucket}/${place.prefix}`,
    );
  }
  if (job === null && r2Key === null) {
    throw new LocalError(
      "the Logpush job needs an R2 key that may write to the bucket: " +
        "export PIXCANARY_R2_KEY=<access key id>:<secret access key>, or --r2-key-file <path>",
    );
  }
  return job;
}

function asShown(found: Found, { short }: SetupFiles): Found {
  const { files, configFile, wranglerFile } = found;
  const { secretsPath, qaTokenPath } = files;
  const path = wranglerFile.path === null ? null : short(wranglerFile.path);
  return {
    ...found,
    files: { ...files, secretsPath: short(secretsPath), qaTokenPath: short(qaTokenPath) },
    configFile: { ...configFile, path: short(configFile.path) },
    wranglerFile: { ...wranglerFile, path },
  };
}

async function lookAtFiles(
  wanted: Wanted,
  { configPath, wranglerPath }: SetupFiles,
  namespaceId: string | null,
  { configFiles }: SetupPorts,
): Promise<Pick<Found, "configFile" | "wranglerFile">> {
  const config = await configFiles.read(configPath);
  const state = stateOf(config, namespaceId, (id) => environmentEdits(config?.value, wanted, id));
  const configFile = { path: configPath, state };
  if (wranglerPath === null) return { configFile, wranglerFile: { path: null, state: "absent" } };
  const wrangler = await configFiles.read(wranglerPath);
  const facts = readWrangler(wrangler?.value, wanted.env);
  if ("names" in facts) {
    const names = facts.names.join(", ");
    throw new LocalError(`${wranglerPath} has no environment ${wanted.env}; it has: ${names}`);
  }
  const edits = (id: string) => wranglerEdits(wrangler?.value, facts, wanted, id);
  const wranglerFile = { path: wranglerPath, state: stateOf(wrangler, namespaceId, edits) };
  return { configFile, wranglerFile };
}

/** Without a namespace yet, its id has to come into the file. */
function stateOf(
  file: TextFile | null,
  namespaceId: string | null,
  edits: (namespaceId: string) => readonly Edit[],
): FileState {
  if (file === null) return "absent";
  return namespaceId !== null && edits(namespaceId).length === 0 ? "current" : "outdated";
}
