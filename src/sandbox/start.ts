/** Puts the sandbox together and takes it apart again. */

import { randomBytes } from "node:crypto";
import { ulid } from "ulid";
import { CONFIG_KEY, STOP_KEY, serialiseConfig, serialiseStop } from "../domain/state/documents.ts";
import { AnalyticsEngine } from "./analytics/engine.ts";
import { type Cloudflare, startApi } from "./api/start.ts";
import { BeaconFaults } from "./beacon/faults.ts";
import { Closers } from "./closers.ts";
import { type ConfigSecrets, writeConfigFile } from "./config-file.ts";
import { SandboxControl } from "./control/control.ts";
import { handleControls, serveControl } from "./control/http.ts";
import { type Database, startDatabase } from "./database/database.ts";
import { packageRoot } from "./edge/bundle.ts";
import { startCron } from "./edge/cron.ts";
import { type Edges, startEdges } from "./edge/edges.ts";
import { EdgeFront } from "./edge/front.ts";
import { kvService } from "./edge/kv-service.ts";
import type { CaughtPoint } from "./edge/services.ts";
import { metricsVars, workerSecrets, workerVars } from "./edge/vars.ts";
import { firstWorker, placeOfJobs } from "./first-state.ts";
import type { Sandbox } from "./handle.ts";
import { CentralStore } from "./kv/central-store.ts";
import { Replicas } from "./kv/replicas.ts";
import { Logs, USUAL_PLACE } from "./logs/logs.ts";
import { NativeFaults } from "./native-faults.ts";
import { NoticeReceivers } from "./notices/receivers.ts";
import { type NoticeUrls, notifyVars, startNotices } from "./notices/wiring.ts";
import { operatorVars, type SandboxOperator, sandboxOperator } from "./operator.ts";
import { OriginServer } from "./origin/server.ts";
import { type Random, seededRandom } from "./random.ts";
import { Sessions } from "./sessions.ts";
import { optionsSchema, type Settings } from "./settings.ts";
import { Traffic } from "./traffic/traffic.ts";
import {
  CANARY_TAG,
  LOGS_BUCKET,
  MEDIA_BUCKET,
  type SandboxDescription,
  type SandboxOptions,
} from "./types.ts";

const KEPT_POINTS = 100_000;
const KEPT_LOG_LINES = 20_000;

/** Rejects with a ZodError for wrong options; whatever had been started is ended again. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const settings = optionsSchema.parse(options);
  const closers = new Closers();
  try {
    return await start(settings, closers, options.onWarning ?? (() => undefined));
  } catch (error) {
    await closers.run().catch(() => undefined);
    throw error;
  }
}

interface World {
  settings: Settings;
  closers: Closers;
  warn: (text: string) => void;
  random: Random;
  store: CentralStore;
  replicas: Replicas;
  beacon: BeaconFaults;
  native: NativeFaults;
  sessions: Sessions;
  points: CaughtPoint[];
  analytics: AnalyticsEngine;
  logLines: string[];
  logs: Logs;
  /** They answer only when they have been started. */
  notices: NoticeReceivers;
  qaToken: string;
  operator: SandboxOperator;
  /** Of the Worker. */
  secrets: Readonly<Record<string, string>>;
}

async function start(
  settings: Settings,
  closers: Closers,
  warn: (text: string) => void,
): Promise<Sandbox> {
  const world = createWorld(settings, closers, warn, {
    bucket: (name) => edges.bucket(name),
    place: () => (settings.empty ? placeOfJobs(cloudflare) : USUAL_PLACE),
  });
  const { origin, originUrl, database } = await startBackends(world);
  const cloudflare = await startApi(world, originUrl, () => edges);
  const noticeUrls = await startNotices(world.notices, settings.notices, closers);
  const vars = varsOf(world, cloudflare, originUrl, noticeUrls);
  const behind = { databaseUrl: database.url, originUrl };
  const { edges, edgeUrl } = await startEdge(world, cloudflare, vars, behind);
  const locations = [...edges.urls].map(([colo, url]) => ({ colo, url: url.origin }));
  const urls = locations.map(({ url }) => url);
  const { random, sessions } = world;
  const traffic = new Traffic({ urls, random, sessions, patience: settings.patience });
  closers.add(() => traffic.close());

  const { api, tokens, limits, apiToken } = cloudflare;
  const control = new SandboxControl({
    ...world,
    api,
    tokens,
    limits,
    mainToken: apiToken,
    gate: database.gate,
    origin,
    traffic,
    account: cloudflare.held,
    runScheduled: (colo, at) => edges.scheduled(colo, at),
  });
  const controlServer = await serveControl(
    handleControls({ control, describe: () => description }),
  );
  closers.add(() => controlServer.close());
  const withoutPath = {
    schema: 1 as const,
    apiBaseUrl: cloudflare.apiBaseUrl,
    accountId: cloudflare.accountId,
    kvNamespaceId: cloudflare.namespaceId,
    apiToken,
    qaToken: world.qaToken,
    session: world.sessions.logIn("smoke"),
    edgeUrl,
    locations,
    originUrl,
    databaseUrl: database.url,
    mediaBucket: MEDIA_BUCKET,
    logsBucket: LOGS_BUCKET,
    controlUrl: controlServer.url,
    noticeUrls,
  };
  const configFile = await writeConfigFile(withoutPath, secretsOf(world));
  closers.add(() => configFile.remove());
  const description: SandboxDescription = { ...withoutPath, configPath: configFile.path };
  return { description, control, close: () => closers.run() };
}

/** In an empty account, no Worker knows the operator. */
function secretsOf({ settings, notices, operator }: World): ConfigSecrets {
  return { notices: notices.secrets, operator: settings.empty ? null : operator };
}

function varsOf(
  { settings, notices, operator }: World,
  cloudflare: Cloudflare,
  originUrl: string,
  noticeUrls: NoticeUrls | null,
): Record<string, string> {
  return {
    ...workerVars(originUrl),
    ...metricsVars(settings, cloudflare),
    ...operatorVars(operator),
    ...notifyVars(noticeUrls, notices),
    ...settings.vars,
  };
}

function createWorld(
  settings: Settings,
  closers: Closers,
  warn: (text: string) => void,
  logs: ConstructorParameters<typeof Logs>[0],
): World {
  const { locations, lagMs, percent, empty } = settings;
  const qaToken = randomBytes(24).toString("base64url");
  const number = settings.seed ?? randomBytes(4).readUInt32BE();
  const random = seededRandom(number);
  const store = new CentralStore();
  const replicas = new Replicas({ locations, store, lagMs, random });
  if (!empty) seed(store, percent);
  replicas.catchUp();
  return {
    settings,
    closers,
    warn,
    random,
    store,
    replicas,
    beacon: new BeaconFaults(locations, seededRandom(number ^ 0x7f4a7c15)),
    native: new NativeFaults(random),
    sessions: new Sessions(),
    points: [],
    // A generator of its own: what it draws must not change what visitors do.
    analytics: new AnalyticsEngine(seededRandom(number ^ 0x5bd1e995)),
    logLines: [],
    logs: new Logs(logs, seededRandom(number ^ 0x1b873593)),
    notices: new NoticeReceivers(),
    qaToken,
    operator: sandboxOperator(),
    secrets: workerSecrets(qaToken, settings.vars),
  };
}

async function startBackends({
  settings,
  closers,
  random,
  sessions,
}: World): Promise<{ origin: OriginServer; originUrl: string; database: Database }> {
  const origin = new OriginServer(random, sessions);
  const originUrl = await origin.start();
  closers.add(() => origin.close());
  const { databaseUrl } = settings;
  const root = packageRoot();
  const database = await startDatabase({
    root,
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
  });
  closers.add(() => database.close());
  return { origin, originUrl, database };
}

async function startEdge(
  world: World,
  cloudflare: Cloudflare,
  vars: Record<string, string>,
  behind: { databaseUrl: string; originUrl: string },
): Promise<{ edges: Edges; edgeUrl: string }> {
  const { settings, closers, store, replicas, native, points, logLines } = world;
  const closing = new AbortController();
  const edges = await startEdges({
    locations: settings.locations,
    deployment: firstWorker(world, cloudflare, vars),
    ...behind,
    buckets: () => cloudflare.held.buckets,
    kv: kvService(store, replicas, closing.signal),
    beacon: world.beacon,
    closing: closing.signal,
    native,
    patience: settings.patience,
    sessions: world.sessions,
    onPoint: (point, dataset) => {
      keepNewest(points, point, KEPT_POINTS);
      world.analytics.write(dataset, point);
    },
    onTraces: settings.logs ? (json) => world.logs.receive(json, cloudflare.worker.traced) : null,
    onMail: settings.notices ? (message) => world.notices.mail(message) : null,
    onLog: (line) => keepNewest(logLines, line, KEPT_LOG_LINES),
  });
  closers.add(() => edges.close());
  closers.add(startCron(edges, settings, () => cloudflare.worker.crons.length > 0));
  closers.add(async () => closing.abort());
  await world.logs.start();
  // Ends before the edge does: what is being delivered needs its bucket.
  closers.add(() => world.logs.close());
  const front = new EdgeFront(edges.urls);
  const edgeUrl = await front.start();
  closers.add(() => front.close());
  return { edges, edgeUrl };
}

function keepNewest<T>(list: T[], item: T, limit: number): void {
  list.push(item);
  if (list.length > limit) list.shift();
}

function seed(store: CentralStore, percent: number): void {
  const config = {
    canary_percent: percent,
    canary_tag: CANARY_TAG,
    emergency_proxy: false,
    last_updated: new Date().toISOString(),
    revision: ulid(),
  };
  store.put(CONFIG_KEY, serialiseConfig(config));
  const { last_updated: at } = config;
  store.put(STOP_KEY, serialiseStop({ active: false, id: ulid(), at, by: "sandbox" }));
}
