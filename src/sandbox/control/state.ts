/** What `GET /state` of the control API shows. */
import type { MetricsSettings } from "../analytics/engine.ts";
import type { ActiveFault } from "../api/faults.ts";
import type { LimitSettings } from "../api/limits.ts";
import type { BeaconFaults } from "../beacon/faults.ts";
import type { Replicas } from "../kv/replicas.ts";
import type { LogsState } from "../logs/logs.ts";
import type { NativeSettings } from "../native-faults.ts";
import type { OriginSettings } from "../origin/server.ts";
import type { TrafficReport } from "../traffic/report.ts";

export interface SandboxState {
  kv: ReturnType<Replicas["state"]> & {
    stored: Record<"config" | "stop", string | null>;
    seen: Record<string, Record<"config" | "stop", string | null>>;
  };
  api: { faults: ActiveFault[]; limits: LimitSettings; clockSkewMs: number; requests: number };
  beacon: ReturnType<BeaconFaults["state"]>;
  native: NativeSettings & { databaseDown: boolean; databaseLatencyMs: number };
  origin: OriginSettings;
  /** `started`: whether a query has started chDB. */
  metrics: MetricsSettings & { started: boolean };
  logs: LogsState;
  traffic: TrafficReport;
}
