/** The handlers of the Worker: builds its parts once per isolate and hands requests to the app. */
import { type App, createApp } from "./app.ts";
import type { BeaconCarrier } from "./beacon/carrier.ts";
import { BEACON_NAME } from "./beacon/name.ts";
import type { BeaconEntrypoint } from "./beacon/through-cache.ts";
import { beaconCarrier } from "./beacon/through-cache.ts";
import { createCookieSigner } from "./cookie-signer.ts";
import { createDashboard } from "./dashboard/dashboard.ts";
import type { Bindings } from "./env.ts";
import { parseSettings } from "./env.ts";
import { tick } from "./guardian/tick.ts";
import { withLimit } from "./limit.ts";
import { createUrlSigner } from "./native/url-signer.ts";
import { ALWAYS_STOPPED } from "./proxy-only.ts";
import { createGuessLimit } from "./qa/guess-limit.ts";
import { createHealth } from "./qa/health.ts";
import { createMetrics24h } from "./qa/metrics.ts";
import { boundSessions } from "./sessions.ts";
import type { StateKv } from "./state-reader.ts";
import { createStateReader } from "./state-reader.ts";
import { createStops } from "./stop/stops.ts";
import { consoleLogSink } from "./telemetry/log-sink.ts";
import { analyticsEngineSink } from "./telemetry/metric-sink.ts";

/** A cron run has 30 s, and the next one is not far. */
const TICK_LIMIT_MS = 25_000;

let app: App | null = null;

const now = (): number => Date.now();
const random = (): number => Math.random();

/** What the runtime knows by `ctx.exports`: this Worker's own entrypoints. */
type Caller = Pick<ExecutionContext, "waitUntil"> & { exports?: { CachedBeacon?: unknown } };

function build(env: Bindings, context: Caller): App {
  const settings = parseSettings(env);
  if (settings.problems.length > 0) {
    console.warn(JSON.stringify({ level: "WARN", settings: settings.problems }));
  }
  const beacon = boundBeacon(env, context);
  return createApp({
    settings,
    state: settings.proxyOnly
      ? ALWAYS_STOPPED
      : createStateReader({ kv: stateKv(env.KV_CANARY_CONFIG), beacon, now, random }),
    cookies: createCookieSigner(settings.cookieKeys),
    urls: createUrlSigner(settings.urlSigningKey),
    guesses: createGuessLimit(now),
    sessions: ({ SESSIONS }) => boundSessions(SESSIONS),
    health: createHealth(now),
    metrics24h: createMetrics24h(settings.analytics, now),
    dashboard: createDashboard(settings, now),
    stops: createStops(settings, beacon, now),
    metrics: analyticsEngineSink(env.METRICS),
    logs: consoleLogSink(),
    now,
    random,
  });
}

/** Null: not bound, or switched off. */
function boundBeacon(env: Bindings, { exports }: Caller): BeaconCarrier | null {
  const entrypoint = exports?.CachedBeacon as BeaconEntrypoint | undefined;
  const isOff = env.BEACON_CARRIER?.trim().toLowerCase() === "off";
  if (env.BEACON === undefined || isOff || entrypoint === undefined) return null;
  return beaconCarrier(entrypoint, env.BEACON.idFromName(BEACON_NAME).toString());
}

function stateKv(namespace: KVNamespace | undefined): StateKv {
  return {
    async get(keys, options) {
      if (namespace === undefined) throw new Error("KV_CANARY_CONFIG is not bound");
      return namespace.get(keys, options);
    },
  };
}

/** By scheduled time, while they run. */
const ticks = new Map<number, Promise<void>>();

async function guard(env: Bindings, context: ExecutionContext, tickMs: number): Promise<void> {
  try {
    const waitUntil = (work: Promise<unknown>): void => context.waitUntil(work);
    const settings = parseSettings(env);
    // It judges native, which serves nobody here; and what it needs may be what is failing.
    if (settings.proxyOnly) return;
    const beacon = boundBeacon(env, context as Caller);
    await withLimit(
      "guardian",
      TICK_LIMIT_MS,
      tick({ settings, env, beacon, tickMs, now, random, waitUntil }),
    );
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    console.error(JSON.stringify({ level: "ERROR", guardian: why.slice(0, 500) }));
  } finally {
    ticks.delete(tickMs);
  }
}

export default {
  fetch(request, env, context) {
    app ??= build(env, context as Caller);
    return app(request, env, context);
  },

  /** Every minute: the guardian. A run that comes twice, or while it is under way, is the same run. */
  scheduled(controller, env, context) {
    const tickMs = controller.scheduledTime;
    const running = ticks.get(tickMs) ?? guard(env, context, tickMs);
    ticks.set(tickMs, running);
    context.waitUntil(running);
    return running;
  },
} satisfies ExportedHandler<Bindings>;
