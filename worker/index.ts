/** The Worker: builds its parts once per isolate and hands requests to the app. */
import type { Hono } from "hono";
import { createApp } from "./app.ts";
import { createCookieSigner } from "./cookie-signer.ts";
import type { AppEnv } from "./deps.ts";
import type { Bindings } from "./env.ts";
import { parseSettings } from "./env.ts";
import { createUrlSigner } from "./native/url-signer.ts";
import { createHealth } from "./qa/health.ts";
import { createMetrics24h } from "./qa/metrics.ts";
import type { StateKv } from "./state-reader.ts";
import { createStateReader } from "./state-reader.ts";
import { consoleLogSink } from "./telemetry/log-sink.ts";
import { analyticsEngineSink } from "./telemetry/metric-sink.ts";

let app: Hono<AppEnv> | null = null;

const now = (): number => Date.now();
const random = (): number => Math.random();

function build(env: Bindings): Hono<AppEnv> {
  const settings = parseSettings(env);
  if (settings.problems.length > 0) {
    console.warn(JSON.stringify({ level: "WARN", settings: settings.problems }));
  }
  return createApp({
    settings,
    state: createStateReader({ kv: stateKv(env.KV_CANARY_CONFIG), now, random }),
    cookies: createCookieSigner(settings.cookieKeys),
    urls: createUrlSigner(settings.urlSigningKey),
    health: createHealth(now),
    metrics24h: createMetrics24h(settings.analytics, now),
    metrics: analyticsEngineSink(env.METRICS),
    logs: consoleLogSink(),
    now,
    random,
  });
}

function stateKv(namespace: KVNamespace | undefined): StateKv {
  return {
    async get(keys, options) {
      if (namespace === undefined) throw new Error("KV_CANARY_CONFIG is not bound");
      return namespace.get(keys, options);
    },
  };
}

export default {
  fetch(request, env, context) {
    app ??= build(env);
    return app.fetch(request, env, context);
  },

  /** The cron trigger is the guardian's, which watches metrics and lowers exposure; it has no rule yet. */
  scheduled() {
    return undefined;
  },
} satisfies ExportedHandler<Bindings>;
