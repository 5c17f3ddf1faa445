/** What the app needs, built once per isolate in index.ts. */
import type { CookieSigner } from "./cookie-signer.ts";
import type { Dashboard } from "./dashboard/dashboard.ts";
import type { Bindings, Settings } from "./env.ts";
import type { UrlSigner } from "./native/url-signer.ts";
import type { GuessLimit } from "./qa/guess-limit.ts";
import type { Health } from "./qa/health.ts";
import type { Metrics24h } from "./qa/metrics.ts";
import type { Sessions } from "./sessions.ts";
import type { StateReader } from "./state-reader.ts";
import type { BeaconPort } from "./stop/deliver.ts";
import type { StopDoor } from "./stop/door.ts";
import type { LogSink } from "./telemetry/log-sink.ts";
import type { MetricSink } from "./telemetry/metric-sink.ts";

export interface Deps {
  settings: Settings;
  state: StateReader;
  cookies: CookieSigner;
  urls: UrlSigner;
  guesses: GuessLimit;
  /** For this request's bindings: a service may only be called by the request that it came with. */
  sessions(env: Bindings): Sessions;
  health: Health;
  metrics24h: Metrics24h;
  dashboard: Dashboard;
  stops: { door: StopDoor; beacon: BeaconPort };
  metrics: MetricSink;
  logs: LogSink;
  now(): number;
  /** In [0, 1). Draws cohorts and log samples: fair, not secret. */
  random(): number;
}
