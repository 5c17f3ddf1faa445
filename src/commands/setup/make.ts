/**
 * Makes what the plan names, one after the other. What a second write could double or overwrite is sent
 * once, between two looks: after a failure it counts as made only where it is seen.
 */
import { environmentEdits } from "../../domain/setup/config-edit.ts";
import { findJob } from "../../domain/setup/logpush-fields.ts";
import type { Maker } from "../../domain/setup/parts.ts";
import { jobName, namespaceTitle } from "../../domain/setup/wanted.ts";
import type { GeneratedName, GivenName } from "../../domain/setup/worker-secrets.ts";
import { readWrangler, wranglerEdits } from "../../domain/setup/wrangler-edit.ts";
import {
  CONFIG_KEY,
  STOP_KEY,
  serialiseConfig,
  serialiseStop,
} from "../../domain/state/documents.ts";
import { LocalError, UpstreamError } from "../../ports/errors.ts";
import type { Hidden, SetupPorts } from "../../ports/setup.ts";
import { idIn, type SetupPlan } from "./look.ts";

const REASON = "seeded by setup";

export interface Making extends SetupPlan {
  ports: SetupPorts;
  signal: AbortSignal;
  /** Of the namespace, as soon as it is known. */
  namespaceId: string | null;
}

/** Throws UpstreamError and LocalError. */
export async function make(maker: Maker, making: Making): Promise<void> {
  switch (maker.kind) {
    case "namespace":
      return makeNamespace(making);
    case "stop":
      return seed(STOP_KEY, seededStop, making);
    case "config":
      return seed(CONFIG_KEY, seededConfig, making);
    case "media-bucket":
      return makeBucket(making.wanted.mediaBucket, making);
    case "logs-bucket":
      return makeBucket(making.wanted.logsBucket, making);
    case "log-job":
      return makeLogJob(making);
    case "repair-log-job":
      return making.ports.account.repairLogJob(maker.id, making);
    case "secret-files":
      await making.ports.secretFiles.complete();
      return undefined;
    case "secret":
      return setSecret(maker.name, making);
    case "config-file":
      return updateConfig(making);
    case "wrangler-file":
      return updateWrangler(making);
    default:
      return maker satisfies never;
  }
}

/** A list, or KV, may for a moment show what was before. */
const LOOKS = 4;
const LOOK_PAUSE_MS = 250;

interface Creation {
  what: string;
  isThere(): Promise<boolean>;
  write(): Promise<void>;
}

/** Throws what `write` threw where nothing of it can be seen. */
async function betweenLooks({ what, isThere, write }: Creation, making: Making): Promise<void> {
  if (await isThere()) return;
  const failure = await write().then(
    () => null,
    (error: unknown) => ({ error }),
  );
  const refused = failure?.error instanceof UpstreamError && isRefusal(failure.error);
  const seen = refused ? false : await isSoon(isThere, making).catch(() => null);
  if (seen === true) return;
  if (seen === null) throw new UpstreamError("ambiguous", `${what}: a read to confirm it failed`);
  if (failure !== null) throw failure.error;
  throw new UpstreamError("ambiguous", `${what}: acknowledged, but reads do not show it`);
}

async function isSoon(
  isThere: () => Promise<boolean>,
  { ports, signal }: Making,
): Promise<boolean> {
  for (let nth = 1; nth < LOOKS; nth += 1) {
    if (await isThere()) return true;
    await ports.clock.sleep(LOOK_PAUSE_MS, signal);
  }
  return isThere();
}

/** The permission is what is missing: another look could only hide that. */
function isRefusal({ kind }: UpstreamError): boolean {
  return kind === "auth" || kind === "forbidden";
}

async function makeNamespace(making: Making): Promise<void> {
  const { account } = making.ports;
  const title = namespaceTitle(making.wanted);
  const creation: Creation = {
    what: `create the KV namespace ${title}`,
    isThere: async () => {
      making.namespaceId = idIn(await account.namespaces(making), making.wanted);
      return making.namespaceId !== null;
    },
    write: () => account.createNamespace(title, making),
  };
  await betweenLooks(creation, making);
}

function idOf({ namespaceId }: Making): string {
  if (namespaceId === null) throw new LocalError("there is no KV namespace yet");
  return namespaceId;
}

/** Looks right before it writes: a stop that a person has set meanwhile must not be overwritten. */
async function seed(
  key: string,
  document: (making: Making) => string,
  making: Making,
): Promise<void> {
  const { account } = making.ports;
  const id = idOf(making);
  const creation: Creation = {
    what: `write ${key}`,
    isThere: async () => (await account.value(id, key, making)) !== null,
    write: () => account.putValue(id, key, document(making), making),
  };
  await betweenLooks(creation, making);
}

/** It names no stop, so that it ends none. */
function seededStop({ ports: { clock, identity, rng } }: Making): string {
  const at = new Date(clock.now()).toISOString();
  const id = rng.ulid(clock.now());
  const releases = { stops: [] };
  return serialiseStop({ active: false, id, at, by: identity.actor, reason: REASON, releases });
}

function seededConfig({ wanted, ports: { clock, identity, rng } }: Making): string {
  return serialiseConfig({
    canary_percent: 0,
    canary_tag: wanted.canaryTag,
    emergency_proxy: false,
    last_updated: new Date(clock.now()).toISOString(),
    revision: rng.ulid(clock.now()),
    updated_by: identity.actor,
    reason: REASON,
  });
}

async function makeBucket(name: string, making: Making): Promise<void> {
  const { account } = making.ports;
  const creation: Creation = {
    what: `create the bucket ${name}`,
    isThere: () => account.hasBucket(name, making),
    write: () => account.createBucket(name, making),
  };
  await betweenLooks(creation, making);
}

async function makeLogJob(making: Making): Promise<void> {
  const { wanted, ports } = making;
  const { account, r2Key } = ports;
  const name = jobName(wanted);
  const place = { bucket: wanted.logsBucket, prefix: wanted.logsPrefix };
  const job = { name, place, worker: wanted.worker };
  const creation: Creation = {
    what: `create the Logpush job ${name}`,
    // One that another run has made and that is off is for the next run: never a second one.
    isThere: async () => findJob(await account.logJobs(making), job) !== null,
    write: async () => {
      if (r2Key === null) throw new LocalError(`the Logpush job ${name} needs an R2 key`);
      await account.createLogJob({ ...job, key: r2Key }, making);
    },
  };
  await betweenLooks(creation, making);
}

async function setSecret(name: string, making: Making): Promise<void> {
  const { account, secretFiles, given } = making.ports;
  const known: Partial<Record<GeneratedName | GivenName, Hidden>> = {
    ...given,
    ...(await secretFiles.complete()),
  };
  const value = Object.entries(known).find(([one]) => one === name)?.[1];
  if (value === undefined) throw new LocalError(`the secret ${name} is not on this machine`);
  await account.putSecret({ worker: making.wanted.worker, name, value }, making);
}

async function updateConfig(making: Making): Promise<void> {
  const { found, ports, wanted } = making;
  const { path } = found.configFile;
  const file = await ports.configFiles.read(path);
  const edits = environmentEdits(file?.value, wanted, idOf(making));
  const after = await ports.configFiles.edited(path, file?.text ?? "{}\n", edits);
  const texts = { before: file?.text ?? null, after };
  await ports.configFiles.write(path, texts, (text) => ports.checkConfig(text));
}

async function updateWrangler(making: Making): Promise<void> {
  const { found, ports, wanted } = making;
  const { path } = found.wranglerFile;
  const file = path === null ? null : await ports.configFiles.read(path);
  const facts = readWrangler(file?.value, wanted.env);
  if (path === null || file === null || "names" in facts) {
    throw new LocalError(`${path ?? "wrangler's file"} was changed meanwhile; run setup again`);
  }
  const edits = wranglerEdits(file.value, facts, wanted, idOf(making));
  const after = await ports.configFiles.edited(path, file.text, edits);
  await ports.configFiles.write(path, { before: file.text, after });
}
