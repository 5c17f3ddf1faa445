/** Everything that can be switched in a running sandbox; the HTTP control API calls the same. */
import { type AnalyticsEngine, PLAIN_METRICS } from "../analytics/engine.ts";
import type { FaultRuleInput } from "../api/faults.ts";
import type { Limits } from "../api/limits.ts";
import type { Permission } from "../api/permissions.ts";
import type { ApiServer, SeenRequest } from "../api/server.ts";
import type { Cloudflare } from "../api/start.ts";
import type { TokenKind, Tokens } from "../api/tokens.ts";
import type { BeaconFaults } from "../beacon/faults.ts";
import type { SwitchSettings, TcpSwitch } from "../database/tcp-switch.ts";
import type { CaughtPoint } from "../edge/services.ts";
import type { CentralStore } from "../kv/central-store.ts";
import { PROMPT, type Replicas } from "../kv/replicas.ts";
import type { Logs } from "../logs/logs.ts";
import { HEALTHY_NATIVE, type NativeFaults } from "../native-faults.ts";
import type { NoticeReceivers, NoticesState } from "../notices/receivers.ts";
import { HEALTHY_ORIGIN, type OriginServer } from "../origin/server.ts";
import type { TrafficReport } from "../traffic/report.ts";
import type { Traffic } from "../traffic/traffic.ts";
import { definedOnly } from "./defined-only.ts";
import {
  type ApiInput,
  apiSchema,
  type BeaconInput,
  beaconSchema,
  type FlowsInput,
  flowsSchema,
  type KvInput,
  kvSchema,
  type LogsInput,
  logsSchema,
  type MetricsInput,
  metricsSchema,
  type NativeInput,
  type NoticesInput,
  nativeSchema,
  noticesSchema,
  type OriginInput,
  originSchema,
  type PointsInput,
  pointsSchema,
  type TrafficInput,
  tokenSchema,
  trafficSchema,
} from "./schema.ts";
import type { SandboxState } from "./state.ts";

export interface ControlDeps {
  store: CentralStore;
  replicas: Replicas;
  beacon: BeaconFaults;
  api: ApiServer;
  tokens: Tokens;
  limits: Limits;
  mainToken: string;
  account: Cloudflare["held"];
  native: NativeFaults;
  gate: TcpSwitch;
  origin: OriginServer;
  traffic: Traffic;
  points: CaughtPoint[];
  analytics: AnalyticsEngine;
  logLines: string[];
  logs: Logs;
  notices: NoticeReceivers;
  runScheduled: (colo: string, scheduledTime?: Date) => Promise<void>;
}

/** All methods that take input throw a ZodError when it is not what the schema says. */
export class SandboxControl {
  /** The central store itself, past the API: for setting up and looking at tests. */
  readonly store: CentralStore;
  /** What the account holds, secrets of the Worker included: nothing of it is in the control API. */
  readonly account: ControlDeps["account"];
  readonly #deps: ControlDeps;

  constructor(deps: ControlDeps) {
    this.#deps = deps;
    this.store = deps.store;
    this.account = deps.account;
  }

  state(): SandboxState {
    const { store, replicas, api, limits, native, gate, origin, traffic, analytics, logs } =
      this.#deps;
    const kv = replicas.state();
    const both = (
      read: (key: string) => string | null,
    ): Record<"config" | "stop", string | null> => ({
      config: read("config"),
      stop: read("stop"),
    });
    const seen = Object.keys(kv.locations).map((c) => [c, both((key) => replicas.text(c, key))]);
    return {
      kv: { ...kv, stored: both((key) => store.text(key)), seen: Object.fromEntries(seen) },
      api: {
        faults: api.faults.list(),
        limits: { ...limits.settings },
        clockSkewMs: api.clockSkewMs,
        requests: api.requests().length,
      },
      beacon: this.#deps.beacon.state(),
      native: { ...native.settings, ...databaseState(gate.settings) },
      origin: { ...origin.settings },
      metrics: { ...analytics.settings, started: analytics.started },
      logs: logs.state,
      traffic: traffic.report(),
    };
  }

  /** Adds a rule to those in force; returns its id. */
  addFault(rule: FaultRuleInput): Promise<number> {
    return this.#deps.api.faults.add(rule);
  }

  setFaults(rules: readonly FaultRuleInput[]): Promise<void> {
    return this.#deps.api.faults.replace(rules);
  }

  removeFault(id: number): Promise<boolean> {
    return this.#deps.api.faults.remove(id);
  }

  clearFaults(): Promise<void> {
    return this.#deps.api.faults.clear();
  }

  setKv(input: KvInput): void {
    const { location, lagMs, frozen, readMs, reads, catchUp } = kvSchema.parse(input);
    const { replicas } = this.#deps;
    if (lagMs !== undefined) replicas.setLag(lagMs, location);
    if (catchUp === true) replicas.catchUp();
    if (frozen !== undefined) replicas.freeze(frozen, location);
    if (readMs !== undefined) replicas.setReadMs(readMs, location);
    if (reads !== undefined) replicas.setMode(reads, location);
  }

  setBeacon(input: BeaconInput): void {
    this.#deps.beacon.set(beaconSchema.parse(input));
  }

  setNative(input: NativeInput): void {
    const { databaseDown, databaseLatencyMs, ...native } = nativeSchema.parse(input);
    Object.assign(this.#deps.native.settings, definedOnly(native));
    this.#deps.gate.set(definedOnly({ down: databaseDown, latencyMs: databaseLatencyMs }));
  }

  setOrigin(input: OriginInput): void {
    this.#deps.origin.set(definedOnly(originSchema.parse(input)));
  }

  setApi(input: ApiInput): void {
    const { clockSkewMs, limits, exhaustBudget, resetLimits } = apiSchema.parse(input);
    if (clockSkewMs !== undefined) this.#deps.api.clockSkewMs = clockSkewMs;
    if (limits !== undefined) Object.assign(this.#deps.limits.settings, definedOnly(limits));
    if (resetLimits === true) this.#deps.limits.reset();
    const main = this.#deps.tokens.find(this.#deps.mainToken);
    if (exhaustBudget === true && main !== null) this.#deps.limits.exhaust(main.id);
  }

  /** Ends every fault, also sampling and delay of metrics; lag, limits and traffic stay as they are. */
  async heal(): Promise<void> {
    await this.clearFaults();
    this.#deps.replicas.setMode("normal");
    this.#deps.replicas.setReadMs(PROMPT);
    this.#deps.replicas.freeze(false);
    this.#deps.beacon.heal();
    this.#deps.native.settings = { ...HEALTHY_NATIVE };
    this.#deps.gate.set({ down: false, latencyMs: 0 });
    this.#deps.origin.set(HEALTHY_ORIGIN);
    this.#deps.analytics.settings = { ...PLAIN_METRICS };
    this.#deps.logs.heal();
    this.#deps.notices.heal();
    this.#deps.api.clockSkewMs = 0;
  }

  /** The log pipeline itself, with what tests want beyond `setLogs`. */
  get logs(): Logs {
    return this.#deps.logs;
  }

  /** Settings first, then what is to be done at once. */
  async setLogs(input: LogsInput): Promise<void> {
    const { flush, tails, put, tail, ...pipeline } = logsSchema.parse(input);
    const { logs } = this.#deps;
    logs.set({ ...definedOnly(pipeline), tail: definedOnly(tail ?? {}) });
    await Promise.all(
      (put ?? []).map(({ key, text, base64 }) =>
        logs.put(key, base64 === undefined ? (text ?? "") : Buffer.from(base64, "base64")),
      ),
    );
    if (tails === "cut") logs.tails.cut();
    if (tails === "expire") logs.tails.expire();
    if (flush === true) await logs.flush();
  }

  /** What the receivers of notices got, in order; PagerDuty's open incidents; how they behave. */
  notices(): NoticesState {
    return this.#deps.notices.state();
  }

  /** Makes one receiver, or all, late, refusing or silent. */
  setNotices(input: NoticesInput): void {
    const { channel, ...settings } = noticesSchema.parse(input);
    this.#deps.notices.set(definedOnly(settings), channel);
  }

  /** The receivers begin anew, with no incident open; how they behave stays. */
  forgetNotices(): void {
    this.#deps.notices.forget();
  }

  /** A new API token of this kind, or one with exactly these permissions. */
  createToken(given: TokenKind | { permissions: readonly Permission[] }): string {
    const { kind, permissions } = tokenSchema.parse(
      typeof given === "string" ? { kind: given } : given,
    );
    return this.#deps.tokens.create(kind, permissions);
  }

  /** What the API was asked; neither tokens nor bodies. */
  requests(): SeenRequest[] {
    return this.#deps.api.requests();
  }

  forgetRequests(): void {
    this.#deps.api.forgetRequests();
  }

  /** Runs the Worker's cron handler at this location, and waits for it. */
  runScheduled(colo: string, scheduledTime?: Date): Promise<void> {
    return this.#deps.runScheduled(colo, scheduledTime);
  }

  /** The Analytics Engine points caught so far, oldest first; the newest 100,000. */
  points(): CaughtPoint[] {
    return [...this.#deps.points];
  }

  /** How Analytics Engine treats the points that the Workers write from now on. */
  setMetrics(input: MetricsInput): void {
    Object.assign(this.#deps.analytics.settings, definedOnly(metricsSchema.parse(input)));
  }

  /** Rows with times of their own, for questions about the past; `points()` does not show them. */
  addPoints(input: PointsInput): void {
    this.#deps.analytics.add(
      pointsSchema.parse(input).map(({ indexes, ...row }) => ({ ...row, index: indexes[0] ?? "" })),
    );
  }

  /** Analytics Engine and `points()` begin anew. */
  async forgetPoints(): Promise<void> {
    this.#deps.points.length = 0;
    await this.#deps.analytics.forget();
  }

  /** What the Workers and the runtime printed, oldest first; the newest 20,000 lines. */
  logLines(): string[] {
    return [...this.#deps.logLines];
  }

  /** Starts anew with an empty report; traffic that runs is stopped first. */
  async startTraffic(input: TrafficInput = {}): Promise<void> {
    await this.#deps.traffic.start(trafficSchema.parse(input));
  }

  /** Waits for the requests in flight. */
  async stopTraffic(): Promise<TrafficReport> {
    return this.#deps.traffic.stop();
  }

  /** Resolves when what visitors were doing at the call has ended. */
  trafficSettled(): Promise<void> {
    return this.#deps.traffic.settled();
  }

  trafficReport(): TrafficReport {
    return this.#deps.traffic.report();
  }

  /** Runs so many upload flows and reports on them alone. */
  runUploadFlows(input: FlowsInput, signal?: AbortSignal): Promise<TrafficReport> {
    return this.#deps.traffic.runUploadFlows(flowsSchema.parse(input), signal);
  }
}

function databaseState(gate: SwitchSettings): { databaseDown: boolean; databaseLatencyMs: number } {
  return { databaseDown: gate.down, databaseLatencyMs: gate.latencyMs };
}
