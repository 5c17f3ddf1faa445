/** The edge: one workerd with, per location, a front, the real Worker and its simulated bindings. */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { Miniflare, type MiniflareOptions, NoOpLog, type WorkerOptions } from "miniflare";
import { Closers } from "../closers.ts";
import { QuietPorts } from "../quiet-ports.ts";
import { temporaryFolder, withTemporary } from "../temporary.ts";
import { LOGS_BUCKET, MEDIA_BUCKET } from "../types.ts";
import { BACKSTAGE, Backstage, type Bucket, backstageWorker } from "./backstage.ts";
import { bindingsOf, bucketWorker, canaryWorker, TAIL, versionWorker } from "./canary-worker.ts";
import { frontScript } from "./front-script.ts";
import { NodeServices } from "./node-services.ts";
import type { EdgesOptions } from "./options.ts";
import { HELPER_DATE, KV_SCRIPT, R2_SCRIPT, TAIL_SCRIPT } from "./scripts.ts";
import { logsService, r2Switch } from "./services.ts";
import { keepingSignals } from "./signals.ts";
import { NO_WORKER, type RunningDeployment, type RunningWorker } from "./worker.ts";

export interface Edges {
  urls: Map<string, URL>;
  bucket(name: string): Bucket;
  /**
   * Runs these versions at every location, at the same addresses. Unlike at Cloudflare, requests in flight are
   * cut off: the runtime starts anew. What is in buckets stays. Resolves when all locations answer with it.
   */
  run(deployment: RunningDeployment): Promise<void>;
  /** Runs the Worker's `scheduled` handler at this location. */
  scheduled(colo: string, scheduledTime?: Date): Promise<void>;
  close(): Promise<void>;
}

const STARTS = 3;

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
  // Miniflare removes its own folder without waiting for that: the process may be gone before.
  const folder = await temporaryFolder("pixcanary-edge-");
  closers.add(() => folder.remove());
  const quiet = new QuietPorts();
  closers.add(() => quiet.close());
  const make = (ports: Ports): Miniflare => {
    const given = miniflareOptions(options.deployment, options, services, ports);
    return keepingSignals(() => withTemporary(folder.path, () => new Miniflare(given)));
  };
  const { miniflare, ports } = await startRuntime(make, () => portsFor(options.locations, quiet));
  closers.add(() => miniflare.dispose());
  // One start after the other; what needs the runtime meanwhile waits for the last of them.
  let started: Promise<void> = Promise.resolve();
  const run = (deployment: RunningDeployment): Promise<void> => {
    const next = started
      .catch(() => undefined)
      .then(() => miniflare.setOptions(miniflareOptions(deployment, options, services, ports)));
    started = next;
    return next;
  };
  const backstage = new Backstage(await miniflare.unsafeGetDirectURL(BACKSTAGE), () => started);
  closers.add(() => backstage.close());
  const urls = new Map<string, URL>();
  for (const colo of options.locations) {
    urls.set(colo, await miniflare.unsafeGetDirectURL(`edge-${colo}`));
  }
  return {
    urls,
    bucket: (name) => backstage.bucket(name),
    run,
    scheduled: (colo, at) => backstage.scheduled(versionWorker(colo, 0), at),
    close: () => closers.run(),
  };
}

/** Of its own, of the backstage, and of each location. */
interface Ports {
  entry: number;
  backstage: number;
  locations: ReadonlyMap<string, number>;
}

async function portsFor(locations: readonly string[], quiet: QuietPorts): Promise<Ports> {
  const taken = new Map<string, number>();
  for (const colo of locations) taken.set(colo, await quiet.take());
  return { entry: await quiet.take(), backstage: await quiet.take(), locations: taken };
}

/** Once more with other ports where another program was quicker. */
async function startRuntime(make: (ports: Ports) => Miniflare, find: () => Promise<Ports>) {
  for (let left = STARTS; ; left -= 1) {
    const ports = await find();
    const miniflare = make(ports);
    try {
      await miniflare.ready;
      return { miniflare, ports };
    } catch (error) {
      await miniflare.dispose().catch(() => undefined);
      if (left <= 1) throw error;
    }
  }
}

/** What runs where nothing has been deployed is a Worker as well. */
function workersOf({ split }: RunningDeployment): readonly RunningWorker[] {
  return split.length === 0 ? [NO_WORKER] : split.map(({ worker }) => worker);
}

function miniflareOptions(
  deployment: RunningDeployment,
  options: EdgesOptions,
  services: NodeServices,
  ports: Ports,
): MiniflareOptions {
  const bound = new Set(
    workersOf(deployment).flatMap((worker) =>
      bindingsOf(worker, "r2_bucket").map(({ bucket_name }) => bucket_name),
    ),
  );
  const buckets = new Set([MEDIA_BUCKET, LOGS_BUCKET, ...bound, ...options.buckets()]);
  return {
    host: "127.0.0.1",
    port: ports.entry,
    cf: false,
    telemetry: { enabled: false },
    log: new NoOpLog(),
    handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
      readLines(stdout, options.onLog);
      readLines(stderr, options.onLog);
    },
    workers: [
      backstageWorker(
        options.locations.map((colo) => versionWorker(colo, 0)),
        [...buckets],
        ports.backstage,
      ),
      ...(options.onTraces === null ? [] : [tailWorker(options.onTraces, services)]),
      ...options.locations.flatMap((colo) => {
        const port = ports.locations.get(colo) ?? 0;
        return at({ colo, port }, deployment, options, services);
      }),
      ...[...bound].map((bucket) => r2Worker(bucket, options, services)),
    ],
  };
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream }).on("line", onLine);
}

function at(
  { colo, port }: { colo: string; port: number },
  deployment: RunningDeployment,
  options: EdgesOptions,
  services: NodeServices,
): WorkerOptions[] {
  const workers = workersOf(deployment).map((worker, nth) => {
    return { worker, name: versionWorker(colo, nth) };
  });
  return [
    {
      name: `edge-${colo}`,
      modules: true,
      script: frontScript(colo, deployment, options.originUrl),
      compatibilityDate: HELPER_DATE,
      serviceBindings: Object.fromEntries(workers.map(({ name }, nth) => [`PIX_${nth}`, name])),
      unsafeDirectSockets: [{ host: "127.0.0.1", port }],
    },
    ...workers.map(({ worker, name }) => canaryWorker({ colo, name }, worker, options, services)),
    {
      name: `kv-${colo}`,
      modules: true,
      script: KV_SCRIPT,
      serviceBindings: { REPLICA: services.bind(`kv-${colo}`, options.kv(colo)) },
    },
  ];
}

function r2Worker(bucket: string, { native }: EdgesOptions, services: NodeServices): WorkerOptions {
  return {
    name: bucketWorker(bucket),
    modules: true,
    script: R2_SCRIPT,
    r2Buckets: { BUCKET: bucket },
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
