/** A model of `watch` by hand, and a clock that runs as fast as it can. */

import {
  emptyModel,
  seen as seenPart,
  type WatchModel,
} from "../../../src/commands/watch/model.ts";
import type { Target } from "../../../src/domain/config/environment.ts";
import { evaluate } from "../../../src/domain/policy/evaluate.ts";
import { DEFAULT_POLICY } from "../../../src/domain/policy/numbers.ts";
import type { Observations } from "../../../src/domain/policy/observations.ts";
import { achievedShare } from "../../../src/domain/proof/achieved-share.ts";
import type { Sighting } from "../../../src/domain/proof/expectation.ts";
import type { FleetLocation } from "../../../src/domain/proof/fleet.ts";
import type { QaDocument } from "../../../src/domain/proof/qa-document.ts";
import type { JournalEntry } from "../../../src/domain/state/journal.ts";
import { parseState } from "../../../src/domain/state/state.ts";
import type { Clock } from "../../../src/ports/machine.ts";
import { NOW_S } from "../../domain/policy/world.ts";
import { modelPorts, modelStore } from "../../support/fake-ports.ts";

export const NOW_MS = NOW_S * 1_000;

const scheduler = { schedule: (work: Promise<unknown>) => work } as unknown as Parameters<
  typeof modelStore
>[1];

export const PORTS = modelPorts(modelStore({ config: [null], stop: [null] }, scheduler, []));
export const TARGET: Target = { ...PORTS.target, env: "production" };

export interface Texts {
  actor: string;
  reason: string;
  colo: string;
  problem: string;
  revision: string;
}

export const PLAIN: Texts = {
  actor: "oncall@laptop",
  reason: "p90 above proxy + 20 %",
  colo: "FRA",
  problem: "HTTP 503",
  revision: "01JCQ0000000000000000000AA",
};

const at = (agoS: number) => new Date(NOW_MS - agoS * 1_000).toISOString();

export function storedState(texts: Texts, stop: object | null = null) {
  const config = {
    canary_percent: 10,
    canary_tag: "B2a",
    emergency_proxy: false,
    last_updated: at(660),
    revision: texts.revision,
    updated_by: texts.actor,
    reason: texts.reason,
  };
  const latch = stop === null ? null : JSON.stringify(stop);
  return parseState({ config: JSON.stringify(config), stop: latch });
}

export function sightingOf(texts: Texts, percent: number, emergency = false): Sighting {
  const ping = { status: "healthy", problem: null } as const;
  const qa: QaDocument = {
    endpoint: "worker /qa",
    schema: 1,
    timestamp: at(0),
    colo: texts.colo,
    worker_version: null,
    canary: {
      sampling_active: true,
      percent,
      tag: "B2a",
      cohort: "proxy",
      decision_reason: emergency ? "emergency" : "sampled",
      emergency_proxy: emergency,
      revision: texts.revision,
      last_updated: at(660),
      source: "kv",
      age_ms: 0,
    },
    emergencies: [],
    guardian: "off",
    stop: { active: emergency, id: null, at: null, by: null, reason: null },
    health: {
      native: { ...ping, db_ping_ms: 1, r2_accessible: true },
      proxy: { ...ping, origin_ping_ms: 1, reachable: true },
    },
    cookie_key_ids: [],
  };
  const decision = {
    tag: "B2a",
    cohort: "proxy",
    reason: emergency ? "emergency" : "sampled",
  } as const;
  const url = `https://${texts.colo}.example/qa`;
  return { url, atMs: NOW_MS - 1_000, status: 200, colo: texts.colo, decision, qa, problem: null };
}

export function entryOf(texts: Texts, id: string, agoS: number): JournalEntry {
  return {
    schema: 1,
    id,
    at: at(agoS),
    command: "reduce",
    actor: texts.actor,
    host: "laptop",
    reason: texts.reason,
    incident: "INC-42",
    before: { percent: 20, emergency: false, revision: null },
    after: { percent: 10, emergency: false, revision: texts.revision },
    revision: texts.revision,
    verification: { outcome: "live", locations: [texts.colo], elapsed_ms: 2_400 },
    notes: [],
    tool: "test",
    namespace: null,
  };
}

function locationOf(colo: string, state: FleetLocation["state"], revision: string) {
  return {
    colo,
    state,
    propagation_s: null,
    requests: 100,
    old_requests: state === "current" ? 0 : 12,
    last_old_s: null,
    first_new_s: null,
    last_new_s: null,
    old_revision: revision,
    new_revision: null,
    times_reappeared: 0,
  };
}

/** Everything is known, and two locations of three are current. */
export function fullModel(observations: Observations, texts: Texts = PLAIN): WatchModel {
  const state = storedState(texts);
  const model = emptyModel(["https://a.example/qa", "https://b.example/qa"]);
  const assessment = evaluate(observations, DEFAULT_POLICY);
  const rows = (["native", "proxy"] as const).map((cohort, index) => {
    const sampled = [410, 3_803][index] ?? 0;
    return { cohort, sampled, squares: sampled, requests: sampled * 9 };
  });
  const share = achievedShare(rows, state, { fromS: NOW_S - 660, toS: NOW_S });
  const locations = [
    locationOf("AMS", "current", ""),
    locationOf(texts.colo, "current", ""),
    locationOf("IAD", "lagging", texts.revision),
  ];
  const entries = [3, 2, 1].map((n) => entryOf(texts, `E${n}`, n * 600));
  return {
    state: seenPart(state, NOW_MS - 4_000),
    health: seenPart({ observations, failure: null, warnings: [], assessment }, NOW_MS - 7_000),
    share: seenPart(share, NOW_MS - 12_000),
    locations: seenPart(locations, NOW_MS - 12_000),
    journal: seenPart(entries, NOW_MS - 21_000),
    looks: model.looks.map(({ url }) => ({
      url,
      part: seenPart(sightingOf(texts, 10), NOW_MS - 1_000),
      pings: { native: { kind: "answers" }, proxy: { kind: "answers" } },
      bypassed: null,
    })),
  };
}

/** Sleeps end in the order of their time, each after everything that could run has run. */
export class VirtualClock implements Clock {
  #nowMs = NOW_MS;
  #timers: { atMs: number; fire: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  uptime(): number {
    return this.#nowMs;
  }

  timeout(ms: number): AbortSignal {
    const controller = new AbortController();
    this.#add(ms, () => controller.abort(new DOMException("time is up", "TimeoutError")));
    return controller.signal;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      this.#add(ms, resolve);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }

  #add(ms: number, fire: () => void): void {
    this.#timers.push({ atMs: this.#nowMs + Math.max(0, ms), fire });
  }

  /** Until the work has settled, or nothing is left to wait for. */
  async play<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    work.then(settle, settle);
    for (;;) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (settled) return work;
      const next = this.#timers.reduce<{ atMs: number } | null>(
        (first, timer) => (first === null || timer.atMs < first.atMs ? timer : first),
        null,
      );
      if (next === null) throw new Error("the work waits for something that is no time");
      this.#nowMs = next.atMs;
      const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs);
      this.#timers = this.#timers.filter(({ atMs }) => atMs > this.#nowMs);
      for (const { fire } of due) fire();
    }
  }
}
