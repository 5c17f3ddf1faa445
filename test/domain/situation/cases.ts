/** Every combination of what may be known: pings, figures, stored state, ramp, lag, what could not be read. */
import { backToNormal } from "../../../src/domain/policy/back-to-normal.ts";
import { evaluate } from "../../../src/domain/policy/evaluate.ts";
import { DEFAULT_POLICY } from "../../../src/domain/policy/numbers.ts";
import type { Observations } from "../../../src/domain/policy/observations.ts";
import { written } from "../../../src/domain/ramp/advance.ts";
import type { RampDocument } from "../../../src/domain/ramp/document.ts";
import type { Known, LookedAt, Ping } from "../../../src/domain/situation/known.ts";
import type { RawState } from "../../../src/domain/state/state.ts";
import { parseState } from "../../../src/domain/state/state.ts";
import { minute, minutes, NOW_S, seen } from "../policy/world.ts";
import { rampOf } from "../ramp/world.ts";

export const NOW_MS = NOW_S * 1_000;
export const ago = (seconds: number) => new Date(NOW_MS - seconds * 1_000).toISOString();

const config = (percent: number, more: object = {}) =>
  JSON.stringify({
    canary_percent: percent,
    canary_tag: "B2a",
    emergency_proxy: false,
    last_updated: ago(7_200),
    revision: "R1",
    ...more,
  });
const stop = (agoS: number) =>
  JSON.stringify({ active: true, id: "S1", at: ago(agoS), by: "anna", reason: "5xx" });
const cap = (percent: number) =>
  JSON.stringify({ schema: 1, id: "C1", at: ago(60), by: "guardian", reason: "p90", percent });

/** Null: it cannot be read. */
export const STATES: Readonly<Record<string, RawState | null>> = {
  unreadable: null,
  "10 %": { config: config(10), stop: null },
  "0 %": { config: config(0), stop: null },
  absent: { config: null, stop: null },
  broken: { config: "{ten percent", stop: null },
  "stopped 12 s ago": { config: config(10), stop: stop(12) },
  "stopped an hour ago": { config: config(10), stop: stop(3_600) },
  "stopped by hand": { config: config(10), stop: '{"active":true}' },
  "stopped by an unreadable value": { config: config(10), stop: "STOP!" },
  "stopped in config": { config: config(0, { emergency_proxy: true }), stop: null },
  capped: { config: config(10), stop: null, cap: cap(5) },
  "capped at 0 %": { config: config(10), stop: null, cap: cap(0) },
};

const none = { kind: "unseen", because: "HTTP 503" } as const;
const few = (errors: number) =>
  seen(
    minutes(20, { native: { requests: 3, errors: 0 } }).map((one, index, all) =>
      index === all.length - 1 ? minute({ native: { requests: 12, errors } }) : one,
    ),
  );

export const FIGURES: Readonly<Record<string, Observations>> = {
  pass: seen([]),
  critical: seen(minutes(5, { native: { errors: 396 } })),
  warning: seen(minutes(10, { native: { errors: 20 } })),
  "far over for 1 min": seen([minute({ native: { errors: 220 } })]),
  "far over, few requests": few(6),
  "over for 1 min": seen([minute({ native: { errors: 40 } })]),
  "few requests": few(0),
  none: seen(minutes(20, { native: { requests: 0 } })),
  unseen: seen([], { health: none, failures: none, orphans: none }),
  orphans: seen([], {
    orphans: { kind: "seen", value: { intents: 5_000, finalized: 10, requests: 0 } },
  }),
  "proxy fails": seen(minutes(10, { proxy: { errors: 900 } })),
};

const answers: Ping = { kind: "answers" };
const fails: Ping = { kind: "fails", problem: "database: no answer in time" };
const unknown: Ping = { kind: "unknown" };

/** Native's and proxy's at each of two locations. */
export const PINGS: Readonly<Record<string, readonly (readonly [Ping, Ping])[]>> = {
  "all answer": [
    [answers, answers],
    [answers, answers],
  ],
  "native fails": [
    [fails, answers],
    [fails, answers],
  ],
  "native fails at one": [
    [fails, answers],
    [answers, answers],
  ],
  "proxy fails": [
    [answers, fails],
    [answers, answers],
  ],
  unknown: [
    [answers, answers],
    [unknown, unknown],
  ],
};

const running = written(rampOf("5:2h,100"), 0, ago(60), NOW_MS);
export const PAUSED: RampDocument = {
  ...running,
  state: "paused",
  paused: { at: ago(60), by: "anna", why: "lunch", left_s: 60 },
};
export const OVERTAKEN = running;

export const MORE = {
  nothing: {},
  ramp: { ramp: PAUSED },
  unread: { unread: ["journal: HTTP 503"] },
  odd: { odd: ["ramp cannot be read: no ramp is carried out"] },
} as const satisfies Record<string, Partial<Known>>;

/** What the second location shows: as stored, an emergency, an older state, nothing that says so. */
export const SHOWN = ["current", "emergency", "behind", "silent"] as const;

export interface Case {
  name: string;
  raw: RawState | null;
  observations: Observations;
  known: Known;
}

/** `hasMetrics` by turns: it decides of nothing but the next command. */
export function allCases(): Case[] {
  const cases: Case[] = [];
  for (const [state, raw] of Object.entries(STATES))
    for (const [figures, observations] of Object.entries(FIGURES))
      for (const [pings, both] of Object.entries(PINGS))
        for (const shown of SHOWN)
          for (const [what, more] of Object.entries(shown === "current" ? MORE : { nothing: {} })) {
            const looks = both.map((pair, index) => lookOf(raw, pair, index, shown));
            const hasMetrics = cases.length % 3 > 0;
            const given = { looks, figures: figuresOf(observations), hasMetrics, ...more };
            const name = [state, figures, pings, shown, what, hasMetrics].join(" | ");
            cases.push({ name, raw, observations, known: knownOf(raw, given) });
          }
  return cases;
}

export function knownOf(
  raw: RawState | null,
  more: Pick<Known, "looks" | "figures"> & Partial<Known>,
): Known {
  return {
    nowMs: NOW_MS,
    state: raw === null ? null : parseState(raw),
    ...{ ramp: null, share: "pass", behind: [], odd: [], unread: [] },
    ...{ hasMetrics: true, onCall: null },
    ...more,
  };
}

export function figuresOf(observations: Observations): Known["figures"] {
  const normal = backToNormal(observations, DEFAULT_POLICY).every((one) => one.verdict !== "fail");
  return { assessment: evaluate(observations, DEFAULT_POLICY), normal };
}

function lookOf(
  raw: RawState | null,
  [native, proxy]: readonly [Ping, Ping],
  index: number,
  shown: (typeof SHOWN)[number],
): LookedAt {
  const stopped =
    raw !== null && /"emergency_proxy":true|active|STOP/.test(`${raw.config}${raw.stop}`);
  const place = ["FRA", "AMS"][index] ?? "IAD";
  const like = { place, emergency: stopped, current: raw === null ? null : true, native, proxy };
  if (index === 0 || shown === "current") return like;
  if (shown === "silent") return { ...like, emergency: null, current: null };
  if (shown === "emergency") return { ...like, emergency: true, current: stopped };
  return { ...like, emergency: false, current: raw === null ? null : false };
}
