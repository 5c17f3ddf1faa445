/** An uploaded Worker as the runtime gets it for one location: what the sandbox simulates is behind its bindings. */
import type { WorkerOptions } from "miniflare";
import { platformScript } from "../beacon/scripts.ts";
import { cacheService, roadService } from "../beacon/services.ts";
import { sessionsService } from "../sessions.ts";
import type { NodeServices, ServiceBinding } from "./node-services.ts";
import type { EdgesOptions } from "./options.ts";
import { entryScript, patienceScript } from "./scripts.ts";
import { chaosService, mailService, metricsService, type PointListener } from "./services.ts";
import type { Binding, RunningWorker } from "./worker.ts";

/** The Worker that gets the trace events. */
export const TAIL = "log-tail";

/** Of which a healthy test asks more than a person would. */
const PATIENT_LIMIT = "QA_LIMIT_TOKEN";

/** The small Worker that puts a switch in front of this bucket. */
export const bucketWorker = (bucket: string): string => `r2-${bucket}`;

export function bindingsOf<T extends Binding["type"]>(
  { bindings }: Pick<RunningWorker, "bindings">,
  type: T,
): Extract<Binding, { type: T }>[] {
  return bindings.filter((one): one is Extract<Binding, { type: T }> => one.type === type);
}

/** The nth version of a deployment at this location. */
export const versionWorker = (colo: string, nth: number): string =>
  nth === 0 ? `pix-${colo}` : `pix-${colo}-${nth}`;

export function canaryWorker(
  { colo, name }: { colo: string; name: string },
  worker: RunningWorker,
  options: EdgesOptions,
  services: NodeServices,
): WorkerOptions {
  const [main] = worker.modules;
  return {
    name,
    modules: [
      {
        type: "ESModule",
        path: "sandbox-entry.js",
        contents: entryScript(main?.path ?? "", worker.cached, objectClasses(worker)),
      },
      { type: "ESModule", path: "sandbox-platform.js", contents: platformScript(worker.cached) },
      { type: "ESModule", path: "sandbox-patience.js", contents: patienceScript(options.patience) },
      ...worker.modules.map((module) => ({ type: "ESModule" as const, ...module })),
    ],
    compatibilityDate: worker.compatibilityDate,
    compatibilityFlags: [...worker.compatibilityFlags],
    ...(options.onTraces === null ? {} : { tails: [TAIL] }),
    bindings: {
      ...textsOf(worker),
      ...worker.secrets,
      SANDBOX_OBJECTS: bindingsOf(worker, "durable_object_namespace").map(({ name }) => name),
    },
    durableObjects: objectsOf(name, worker, options),
    wrappedBindings: Object.fromEntries([
      ...bindingsOf(worker, "kv_namespace").map(({ name }) => [name, { scriptName: `kv-${colo}` }]),
      ...bindingsOf(worker, "r2_bucket").map(({ name, bucket_name }) => [
        name,
        { scriptName: bucketWorker(bucket_name) },
      ]),
    ]),
    serviceBindings: servicesOf(colo, worker, options, services),
    hyperdrives: Object.fromEntries(
      bindingsOf(worker, "hyperdrive").map(({ name }) => [name, options.databaseUrl]),
    ),
    ratelimits: limitsOf(colo, worker, options.patience),
  };
}

function objectClasses(worker: RunningWorker): string[] {
  return bindingsOf(worker, "durable_object_namespace").map(({ class_name: name }) => name);
}

/** They live at the first location, as at Cloudflare at one; all others call them there. */
function objectsOf(
  name: string,
  worker: RunningWorker,
  { locations }: EdgesOptions,
): NonNullable<WorkerOptions["durableObjects"]> {
  const home = versionWorker(locations[0] ?? "", 0);
  const elsewhere = home === name ? {} : { scriptName: home };
  return Object.fromEntries(
    bindingsOf(worker, "durable_object_namespace").map((binding) => [
      binding.name,
      { className: binding.class_name, useSQLite: true, ...elsewhere },
    ]),
  );
}

function textsOf(worker: RunningWorker): NonNullable<WorkerOptions["bindings"]> {
  const version = { id: worker.versionId, tag: "", timestamp: "2026-01-01T00:00:00Z" };
  return Object.fromEntries([
    ...bindingsOf(worker, "plain_text").map(({ name, text }) => [name, text]),
    ...bindingsOf(worker, "json").map(({ name, json }) => [name, json]),
    ...bindingsOf(worker, "version_metadata").map(({ name }) => [name, version]),
  ]);
}

/** The entry script makes bindings of METRICS and NOTIFY_EMAIL out of these. */
function servicesOf(
  colo: string,
  worker: RunningWorker,
  options: EdgesOptions,
  services: NodeServices,
): Record<string, ServiceBinding> {
  const bound: Record<string, ServiceBinding> = {
    SANDBOX_CACHE: services.bind(`cache-${colo}`, cacheService(options.beacon.copies, colo)),
    SANDBOX_ROAD: services.bind(
      `road-${colo}`,
      roadService(options.beacon.road, colo, options.closing),
    ),
    CHAOS: services.bind("chaos", chaosService(options.native, options.patience)),
  };
  for (const { dataset } of bindingsOf(worker, "analytics_engine")) {
    const onPoint: PointListener = (point) => options.onPoint(point, dataset);
    bound.SANDBOX_METRICS = services.bind(`metrics-${colo}`, metricsService(colo, onPoint));
  }
  for (const { name } of bindingsOf(worker, "service")) {
    bound[name] = services.bind("sessions", sessionsService(options.sessions));
  }
  if (options.onMail !== null && bindingsOf(worker, "send_email").length > 0) {
    bound.SANDBOX_MAIL = services.bind("mail", mailService(options.onMail));
  }
  return bound;
}

function limitsOf(
  colo: string,
  worker: RunningWorker,
  patience: number,
): NonNullable<WorkerOptions["ratelimits"]> {
  const limits = bindingsOf(worker, "ratelimit").map(({ name, namespace_id, simple }) => {
    const limit = simple.limit * (name === PATIENT_LIMIT ? patience : 1);
    return [name, { namespace_id: `${namespace_id}-${colo}`, simple: { ...simple, limit } }];
  });
  return Object.fromEntries(limits);
}
