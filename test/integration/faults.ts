/** The fault menu of reliability.md §4, as what can be put between `not-aus` and the world. */
import type { FaultRuleInput } from "../../src/sandbox/index.ts";

/** Calls from the n-th (0-based) up to but not including the m-th. */
export interface Window {
  from: number;
  to: number;
}

/** Raised below HTTP, in the shape in which Node raises it. `after`: "abort" waits first. */
export interface NetFault {
  code: string;
  syscall?: string;
  waitMs: number;
}

export interface Fault {
  name: string;
  /** A rule of the sandbox's API. */
  api?: FaultRuleInput;
  net?: NetFault;
  /** Added to the wall clock, from the start or from the first call of the window on. */
  clockMs?: number;
  jumps?: true;
  diskFull?: true;
  /** The process dies at the first call of the window. */
  killed?: true;
}

const NEVER_MS = 60_000;

export const FAULTS: readonly Fault[] = [
  { name: "refused", net: { code: "ECONNREFUSED", syscall: "connect", waitMs: 0 } },
  { name: "NXDOMAIN", net: { code: "ENOTFOUND", syscall: "getaddrinfo", waitMs: 0 } },
  { name: "DNS timeout", net: { code: "EAI_AGAIN", syscall: "getaddrinfo", waitMs: 400 } },
  { name: "TLS error", net: { code: "ERR_SSL_WRONG_VERSION_NUMBER", waitMs: 0 } },
  { name: "connect timeout", net: { code: "ETIMEDOUT", syscall: "connect", waitMs: NEVER_MS } },
  { name: "read timeout", api: { kind: "hang" } },
  { name: "slow drip", api: { kind: "drip", everyMs: 200 } },
  { name: "reset mid-body", api: { kind: "reset-mid-body" } },
  { name: "429", api: { kind: "rate-limited" } },
  { name: "429 with retry-after", api: { kind: "rate-limited", retryAfterS: 1 } },
  { name: "500", api: { kind: "server-error", status: 500 } },
  { name: "500, committed", api: { kind: "server-error", status: 500, committed: true } },
  { name: "503", api: { kind: "server-error", status: 503 } },
  { name: "401", api: { kind: "unauthorized" } },
  { name: "403", api: { kind: "forbidden" } },
  { name: "200 with success:false", api: { kind: "unsuccessful" } },
  { name: "200 with success:false, committed", api: { kind: "unsuccessful", committed: true } },
  { name: "200 with HTML", api: { kind: "html" } },
  { name: "200 with HTML, committed", api: { kind: "html", committed: true } },
  { name: "truncated JSON", api: { kind: "truncated" } },
  { name: "committed, answer lost", api: { kind: "lost-answer" } },
  { name: "committed, connection reset", api: { kind: "reset-after" } },
  { name: "acknowledged, never stored", api: { kind: "forgotten-write" } },
  { name: "duplicated write", api: { kind: "duplicate-write", afterMs: 1 } },
  { name: "stale read", api: { kind: "stale-read" } },
  { name: "read older than a previous read", api: { kind: "older-read" } },
  { name: "clock 1 h ahead", clockMs: 3_600_000 },
  { name: "clock 1 h behind", clockMs: -3_600_000 },
  { name: "8 h suspend", clockMs: 8 * 3_600_000, jumps: true },
  { name: "disk full", diskFull: true },
  { name: "SIGKILL", killed: true },
];

export function apiRule(fault: Fault, window: Window): FaultRuleInput[] {
  if (fault.api === undefined) return [];
  const times = Number.isFinite(window.to) ? { times: window.to - window.from } : {};
  return [{ ...fault.api, after: window.from, ...times }];
}

/** What Node raises when this happens below HTTP. */
export function networkError({ code, syscall }: NetFault): Error {
  return Object.assign(new Error(`${syscall ?? "connect"} ${code}`), {
    code,
    ...(syscall === undefined ? {} : { syscall }),
  });
}
