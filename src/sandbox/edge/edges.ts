/** The edge: one workerd with, per location, a front, the real Worker and its simulated bindings. */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { Miniflare, type MiniflareOptions, NoOpLog, type WorkerOptions } from "miniflare";
import { Closers } from "../closers.ts";
import type { NativeFaults } from "../native-faults.ts";
import { type Sessions, sessionsService } from "../sessions.ts";
import { MEDIA_BUCKET } from "../types.ts";
import { BACKSTAGE, Backstage, type Bucket, backstageWorker } from "./backstage.ts";
import type { WorkerBundle } from "./bundle.ts";
import type { KvService } from "./kv-service.ts";
import { NodeServices } from "./node-services.ts";
import {
  ENTRY_SCRIPT,
  frontScript,
  HELPER_DATE,
  KV_SCRIPT,
  patienceScript,
  R2_SCRIPT,
  TAIL_SCRIPT,
} from "./scripts.ts";
import {
  chaosService,
  logsService,
  type MailSink,
  mailService,
  metricsService,
  type PointListener,
  r2Switch,
} from "./services.ts";

export interface EdgesOptions {
  locations: readonly string[];
  bundle: WorkerBundle;
  /** Vars and secrets, as the Worker's environment holds them. */
  vars: Record<string, string>;
  databaseUrl: string;
  kv: KvService;
  native: NativeFaults;
  /** By this the Worker's time limits are multiplied, and how often a token may ask `/qa`. */
  patience: number;
  sessions: Sessions;
  onPoint: PointListener;
  /** The Worker's trace events, as a tail Worker gets them; null: none are made. */
  onTraces: ((json: unknown) => void) | null;
  /** What the Worker's e-mail binding sends; null: there is no such binding. */
  onMail: MailSink | null;
  /** A line that a Worker or the runtime printed. */
  onLog: (line: string) => void;
}

export interface Edges {
  urls: Map<string, URL>;
  bucket(name: string): Bucket;
  /** Runs the Worker's `scheduled` handler at this location. */
  scheduled(colo: string, scheduledTime?: Date): Promise<void>;
  close(): Promise<void>;
}

const ANON_LIMIT = { limit: 10, period: 60 };
const TOKEN_LIMIT = { limit: 300, period: 60 };
const TAIL = "log-tail";

/** Whatever had been started is ended again when it rejects. */
export async function startEdges(options: EdgesOptions): Promise<Edges> {
  const closers = new Closers();
  try {
    return await start(options, closers);
  } catch (error) {
    await closers.run().catch(() => undefined);
    throw error;
  }
}

async function start(options: EdgesOptions, closers: Closers): Promise<Edges> {
  const services = new NodeServices();
  await services.start();
  closers.add(() => services.close());
  const miniflare = new Miniflare(miniflareOptions(options, services));
  closers.add(() => miniflare.dispose());
  await miniflare.ready;
  const backstage = new Backstage(await miniflare.unsafeGetDirectURL(BACKSTAGE));
  closers.add(() => backstage.close());
  const urls = new Map<string, URL>();
  for (const colo of options.locations) {
    urls.set(colo, await miniflare.unsafeGetDirectURL(`edge-${colo}`));
  }
  return {
    urls,
    bucket: (name) => backstage.bucket(name),
    scheduled: (colo, at) => backstage.scheduled(`pix-${colo}`, at),
    close: () => closers.run(),
  };
}

function miniflareOptions(options: EdgesOptions, services: NodeServices): MiniflareOptions {
  return {
    host: "127.0.0.1",
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    log: new NoOpLog(),
    handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
      readLines(stdout, options.onLog);
      readLines(stderr, options.onLog);
    },
    workers: [
      backstageWorker(options.locations.map((colo) => `pix-${colo}`)),
      r2Worker(options, services),
      ...(options.onTraces === null ? [] : [tailWorker(options.onTraces, services)]),
      ...options.locations.flatMap((colo) => at(colo, options, services)),
    ],
  };
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream }).on("line", onLine);
}

function at(colo: string, options: EdgesOptions, services: NodeServices): WorkerOptions[] {
  return [
    {
      name: `edge-${colo}`,
      modules: true,
      script: frontScript(colo),
      compatibilityDate: HELPER_DATE,
      serviceBindings: { PIX: `pix-${colo}` },
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    },
    canaryWorker(colo, options, services),
    {
      name: `kv-${colo}`,
      modules: true,
      script: KV_SCRIPT,
      serviceBindings: { REPLICA: services.bind(`kv-${colo}`, options.kv(colo)) },
    },
  ];
}

function canaryWorker(colo: string, options: EdgesOptions, services: NodeServices): WorkerOptions {
  const { bundle, vars } = options;
  return {
    name: `pix-${colo}`,
    modules: [
      { type: "ESModule", path: "entry.js", contents: ENTRY_SCRIPT },
      { type: "ESModule", path: "patience.js", contents: patienceScript(options.patience) },
      { type: "ESModule", path: "index.js", contents: bundle.script },
    ],
    compatibilityDate: bundle.compatibilityDate,
    compatibilityFlags: ["nodejs_compat", "enable_request_signal"],
    ...(options.onTraces === null ? {} : { tails: [TAIL] }),
    bindings: {
      ...vars,
      CF_VERSION_METADATA: { id: "sandbox", tag: "sandbox", timestamp: "2026-01-01T00:00:00Z" },
    },
    wrappedBindings: {
      KV_CANARY_CONFIG: { scriptName: `kv-${colo}` },
      MEDIA: { scriptName: "media" },
    },
    serviceBindings: {
      SANDBOX_METRICS: services.bind(`metrics-${colo}`, metricsService(colo, options.onPoint)),
      CHAOS: services.bind("chaos", chaosService(options.native, options.patience)),
      SESSIONS: services.bind("sessions", sessionsService(options.sessions)),
      ...(options.onMail === null
        ? {}
        : { SANDBOX_MAIL: services.bind("mail", mailService(options.onMail)) }),
    },
    hyperdrives: { HYPERDRIVE: options.databaseUrl },
    ratelimits: {
      QA_LIMIT_ANON: { namespace_id: `anon-${colo}`, simple: ANON_LIMIT },
      QA_LIMIT_TOKEN: {
        namespace_id: `token-${colo}`,
        simple: { ...TOKEN_LIMIT, limit: TOKEN_LIMIT.limit * options.patience },
      },
    },
  };
}

function r2Worker({ native }: EdgesOptions, services: NodeServices): WorkerOptions {
  return {
    name: "media",
    modules: true,
    script: R2_SCRIPT,
    r2Buckets: { BUCKET: MEDIA_BUCKET },
    serviceBindings: { SWITCH: services.bind("r2-switch", r2Switch(native)) },
  };
}

function tailWorker(onTraces: (json: unknown) => void, services: NodeServices): WorkerOptions {
  return {
    name: TAIL,
    modules: true,
    script: TAIL_SCRIPT,
    compatibilityDate: HELPER_DATE,
    serviceBindings: { LOGS: services.bind("logs", logsService(onTraces)) },
  };
}
