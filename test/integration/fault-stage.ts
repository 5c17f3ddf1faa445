/** A pair of faults, put between one run in this process and its lane. */
import { type ClientRequest, globalAgent, type RequestOptions } from "node:http";
import { apiRule, type Fault, networkError, type Window } from "./faults.ts";
import type { Lane } from "./lane.ts";

export const EDGES = [
  "healthy",
  "healthy",
  "healthy",
  "frozen",
  "stale",
  "reorder",
  "throw",
  "hang",
] as const;
type Edge = (typeof EDGES)[number];

export interface Case {
  first: Fault;
  second: Fault;
  edge: Edge;
  /** So many calls meet the first fault, then so many the second. */
  calls: readonly [number, number];
  verify: boolean;
}

export const nameOf = ({ first, second, edge, calls, verify }: Case): string =>
  `${first.name} ×${calls[0]}, then ${second.name} ×${calls[1]}, edge ${edge}${verify ? "" : ", --no-verify"}`;

/** Faults below HTTP, by the origin that they are for. */
const wires = new Map<string, (signal: AbortSignal) => Promise<void>>();

/** Of Node's agent and request: what a request goes through before it has a connection. Not in the types. */
type Taking = { addRequest(request: ClientRequest, options: RequestOptions): void };
type Waiting = { onSocket(socket: null, error: Error): void };

/** Returns how to take it out again. */
export function tapRequests(): () => void {
  const agent = globalAgent as unknown as Taking;
  const take = agent.addRequest.bind(globalAgent);
  agent.addRequest = (request, options) => {
    const wire = wires.get(`${options.protocol}//${options.hostname}:${options.port}`);
    if (wire === undefined) return take(request, options);
    const over = new AbortController();
    // Before it has a connection it tells nobody else of its end.
    const destroy = request.destroy.bind(request);
    request.destroy = (error) => {
      over.abort();
      return destroy(error);
    };
    const fail = (error: Error): void => (request as unknown as Waiting).onSocket(null, error);
    void wire(over.signal).then(() => take(request, options), fail);
  };
  return () => {
    agent.addRequest = take;
  };
}

/** Puts the faults of a case between one run and its lane; counts this run's calls to the API. */
export class Stage {
  readonly #lane: Lane;
  readonly #case: Case;
  readonly #windows: readonly [Window, Window];
  #calls = 0;

  constructor(lane: Lane, drawn: Case) {
    const [first, second] = drawn.calls;
    this.#lane = lane;
    this.#case = drawn;
    this.#windows = [
      { from: 0, to: first },
      { from: first, to: first + second },
    ];
  }

  get faults(): readonly [Fault, Fault] {
    return [this.#case.first, this.#case.second];
  }

  async set(): Promise<void> {
    const { sandbox } = this.#lane;
    const [first, second] = this.#windows;
    // Calls that never reach the API are not counted there.
    const missed = this.#case.first.net === undefined ? 0 : first.to;
    const shifted = { from: second.from - missed, to: second.to - missed };
    await sandbox.control.setFaults([
      ...apiRule(this.#case.first, first),
      ...apiRule(this.#case.second, shifted),
    ]);
    const { edge } = this.#case;
    if (edge === "frozen") sandbox.control.setKv({ frozen: true });
    else if (edge !== "healthy") sandbox.control.setKv({ reads: edge });
    wires.set(new URL(sandbox.description.apiBaseUrl).origin, (signal) => this.#wire(signal));
  }

  clear(): void {
    wires.delete(new URL(this.#lane.sandbox.description.apiBaseUrl).origin);
  }

  /** How far the wall clock is off by now. */
  clockMs(): number {
    return this.faults.reduce((sum, fault, nth) => {
      const begun = fault.jumps === undefined || this.#calls > (this.#windows[nth]?.from ?? 0);
      return sum + (begun ? (fault.clockMs ?? 0) : 0);
    }, 0);
  }

  async #wire(signal: AbortSignal): Promise<void> {
    const call = this.#calls;
    this.#calls += 1;
    for (const [nth, fault] of this.faults.entries()) {
      const { from, to } = this.#windows[nth] as Window;
      if (fault.killed && call >= from) await aborted(signal, Number.POSITIVE_INFINITY);
      if (fault.net === undefined || call < from || call >= to) continue;
      await aborted(signal, fault.net.waitMs);
      throw networkError(fault.net);
    }
  }
}

/** Throws when aborted before the time is over. */
async function aborted(signal: AbortSignal, limitMs: number): Promise<void> {
  if (limitMs === 0) return;
  await new Promise<void>((resolve, reject) => {
    const timer = Number.isFinite(limitMs) ? setTimeout(resolve, limitMs) : undefined;
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(new DOMException("This operation was aborted", "AbortError"));
    };
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
