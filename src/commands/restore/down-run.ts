/** What the steps back down the ladder share: how each ends, and the trace that it leaves. */
import type { Rung } from "../../domain/ladder/rung.ts";
import { NO_CHANGE } from "../../domain/state/journal.ts";
import type { CallOptions } from "../../ports/api.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput, Outcome } from "../command.ts";
import { interruptedBy } from "../command.ts";
import { invocation } from "../lib/format.ts";
import type { Seen } from "../lib/prove-live.ts";
import { leaveTrace } from "../lib/record-change.ts";
import { asUpstream } from "../lib/write-result.ts";

export interface DownData {
  /** What was put back, in this order. */
  back: { what: "route" | "version"; text: string; proof: Seen }[];
  /** The id of the stop that it has set, as none was stored. */
  stop_set: string | null;
}

export interface Down {
  input: CommonInput;
  ports: Ports;
  call: CallOptions;
  startedMs: number;
  data: DownData;
}

/** Null when this rung is undone and proved. */
export type Step = Outcome<DownData> | null;

export function again({ ports }: Down): string {
  return `${invocation(ports.target, "restore")} --reason "…"   # safe to repeat`;
}

export function refusal(run: Down, why: string): Outcome<DownData> {
  const { data, ports } = run;
  const signal = interruptedBy(ports.interrupt);
  const truth = `${why}; ${backText(data)}`;
  if (signal !== null) return { kind: "interrupted", signal, truth, next: again(run), data };
  const message = `the Worker stays away: ${why}`;
  return {
    kind: "failed",
    code: "conflict",
    message,
    truth: backText(data),
    next: again(run),
    data,
  };
}

export function unproved(run: Down, waitingFor: string): Outcome<DownData> {
  const { data, ports } = run;
  const signal = interruptedBy(ports.interrupt);
  const next = again(run);
  if (signal === null) return { kind: "pending", data, waitingFor, next };
  return {
    kind: "interrupted",
    signal,
    truth: `interrupted while waiting for ${waitingFor}`,
    next,
    data,
  };
}

export function failedCall(run: Down, thrown: unknown): Outcome<DownData> {
  const { kind, message } = asUpstream(thrown);
  if (kind === "ambiguous") {
    const before = `as far as is known, ${backText(run.data)}`;
    return unproved(run, `an answer that was lost: ${message}; ${before}`);
  }
  const code = kind === "auth" || kind === "forbidden" ? "auth" : "upstream";
  const truth = backText(run.data);
  return { kind: "failed", code, message, truth, next: again(run), data: run.data };
}

function backText({ back }: DownData): string {
  return back.length === 0 ? "nothing was put back" : back.map(({ text }) => text).join(", ");
}

/** It changes neither share nor emergency: its note says what it did. */
export async function traceBack(run: Down, rung: Rung, note: string, live: boolean): Promise<void> {
  const { ports, input, startedMs, data } = run;
  const nowMs = ports.clock.now();
  await leaveTrace(ports, input, {
    command: "restore",
    id: ports.rng.ulid(nowMs),
    before: NO_CHANGE,
    after: NO_CHANGE,
    outcome: live ? "live" : "written",
    locations: (data.back.at(-1)?.proof.live ?? []).map(({ location }) => location),
    elapsedMs: ports.clock.monotonic() - startedMs,
    notes: [note],
    unwritten: true,
    rung,
  });
}
