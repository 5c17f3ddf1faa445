/** The environment as its visitors see it. */
import type { Sighting } from "../domain/proof/expectation.ts";
import type { CallOptions } from "./api.ts";

export interface QaProbe {
  /** The `/qa` URLs of this environment. */
  readonly urls: readonly string[];
  /** Never throws: what went wrong is in the sighting. `health: "full"` waits for the pings. */
  look(url: string, options: QaLook): Promise<Sighting>;
}

export interface QaLook extends CallOptions {
  health?: "cached" | "full";
  /** This version of the Worker is to answer; it must be in the newest deployment, be it at 0 %. */
  version?: { worker: string; id: string } | undefined;
}

/** One request to the environment's API, as a visitor's browser makes it. */
export interface VisitorRequest {
  method: "GET" | "OPTIONS" | "POST" | "PUT";
  /** https, or http on loopback; anything else is `rejected`. */
  url: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** Sends the /qa token, if there is one: `rejected` for anything but a configured /qa URL. */
  qaToken?: true;
  /** Logged in, if there is a session: `rejected` for anything but the origin of a /qa URL. */
  session?: true;
}

export interface VisitorAnswer {
  status: number;
  header(name: string): string | null;
  setCookies: readonly string[];
  /** At most 1 MiB: more is no answer. */
  body: Uint8Array;
  elapsedMs: number;
}

export interface VisitorHttp {
  readonly hasQaToken: boolean;
  readonly hasSession: boolean;
  /** Follows no redirect, keeps no cookies. Throws UpstreamError when there is no complete answer. */
  send(request: VisitorRequest, options: CallOptions): Promise<VisitorAnswer>;
}

/** Answers that visitors have had so far. */
export interface TrafficCounts {
  total: number;
  native: number;
  proxy: number;
  /** Answers with status 500 or more, or none at all. */
  errors: number;
  /** Uploads that broke although the visitor's cohort did not change: must stay 0. */
  drifts: number;
  /** Uploads whose visitor was moved between intent and finalize. */
  moved: { ok: number; broken: number };
  uploads: number;
}

/** What only a stage for rehearsals has: visitors, and a native that fails on purpose. */
export interface Rehearsal {
  startVisitors(): Promise<void>;
  stopVisitors(): Promise<TrafficCounts>;
  counts(): TrafficCounts;
  /** Resolves when what visitors were doing at the call has ended; that is limited. */
  settled(): Promise<void>;
  failNative(share: number): Promise<void>;
}
