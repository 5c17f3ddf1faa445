/** The embedded Cloudflare: the real Worker at several locations, and the API that steers it. */
export type { MetricsSettings } from "./analytics/engine.ts";
export type { FaultKind, FaultRule, FaultRuleInput } from "./api/faults.ts";
export { PERMISSIONS, type Permission } from "./api/permissions.ts";
export type { SeenRequest } from "./api/server.ts";
export type { TokenKind } from "./api/tokens.ts";
export { SandboxControl } from "./control/control.ts";
export { SANDBOX_CONTROL_HELP } from "./control/help.ts";
export type { FlowsInput, PointsInput, TrafficInput } from "./control/schema.ts";
export type { SandboxState } from "./control/state.ts";
export { packageRoot } from "./edge/bundle.ts";
export type { CaughtPoint } from "./edge/services.ts";
export type { Sandbox } from "./handle.ts";
export type { ArrivedNotice, NoticeChannel, NoticesState } from "./notices/receivers.ts";
export { startSandbox } from "./start.ts";
export type { TrafficReport } from "./traffic/report.ts";
export type { SandboxDescription, SandboxOptions } from "./types.ts";
