/** One verdict from all that is known: in every combination the worst comes first, and the next command works. */
import { describe, expect, it } from "vitest";
import type { Known, Next, Situation } from "../../../src/domain/situation/known.ts";
import { CONCERNS } from "../../../src/domain/situation/known.ts";
import { comeTo, concernsOf, situationOf } from "../../../src/domain/situation/situation.ts";
import { isEmergency, parseState } from "../../../src/domain/state/state.ts";
import type { Case } from "./cases.ts";
import { ago, allCases, FIGURES, figuresOf, knownOf, OVERTAKEN, STATES } from "./cases.ts";

const CASES = allCases();

type Judge = (known: Known) => Situation;
type Rule = (one: Case, situation: Situation) => boolean;

const SHOWN = 5;

/** The cases that break a rule. */
function broken(holds: Rule, judge: Judge = situationOf, cases: readonly Case[] = CASES): string[] {
  const all = cases.filter((one) => !holds(one, judge(one.known))).map(({ name }) => name);
  return all.length <= SHOWN ? all : [...all.slice(0, SHOWN), `and ${all.length - SHOWN} more`];
}

const assessmentOf = ({ figures }: Known) =>
  typeof figures === "string" ? null : figures.assessment;
const isStopped = ({ state }: Known) => state !== null && isEmergency(state);
const isShown = ({ looks }: Known) => looks.some(({ emergency }) => emergency === true);
const words = (next: Next) => (next.kind === "command" ? next.words : "");
const RELIEF = ["not-aus", "reduce", "disable"];

/** By hand, and not by the rules that it tests. */
function isAllWell({ known, raw }: Case): boolean {
  const { looks, ramp, unread, odd, state } = known;
  const quiet = raw !== null && state?.config.kind === "valid" && !isStopped(known) && !raw.cap;
  return (
    quiet &&
    assessmentOf(known)?.verdict === "pass" &&
    ramp === null &&
    unread.length + odd.length === 0 &&
    looks.every(
      ({ emergency, current, native, proxy }) =>
        emergency === false &&
        current === true &&
        native.kind === "answers" &&
        proxy.kind === "answers",
    )
  );
}

const goodNewsOnlyIfAllIsWell: Rule = (one, { mark, level, headline }) =>
  (mark === "✔" || level === "normal" || /\bhealthy/.test(headline)) === isAllWell(one);

/** As the commands themselves refuse. */
function isRefused({ kind, ...next }: Next, { known, observations }: Case): boolean {
  if (kind === "notify") return false;
  const { words: verb, reason } = { reason: undefined, words: "", ...next };
  const { state, looks, hasMetrics } = known;
  const config = state?.config.kind === "valid" ? state.config.value : null;
  switch (verb) {
    case "not-aus":
    case "watch":
    case "doctor":
    case "ramp status":
      return false;
    case "verify":
      return state === null;
    case "verify --fleet":
      return state === null || !hasMetrics;
    case "disable":
      return state === null || isEmergency(state) || config?.canary_percent === 0;
    case "reduce":
      return config === null || isStopped(known) || config.canary_percent === 0;
    case "restore": {
      const figures = figuresOf(observations);
      const sick = looks.some(({ native }) => native.kind !== "answers");
      const idle = !isStopped(known) && state?.capped === undefined;
      return reason === undefined || sick || idle || typeof figures === "string" || !figures.normal;
    }
    default:
      return true;
  }
}

const nextIsNotRefused: Rule = (one, { next }) => !isRefused(next, one);

describe(`in each of ${CASES.length} combinations`, () => {
  it("good news is told where all is well and known, and nowhere else", () => {
    expect(broken(goodNewsOnlyIfAllIsWell)).toEqual([]);
  });

  it("which each kind of concern is needed for: without any one of them something is hidden", () => {
    const hidden = CONCERNS.filter((kind) => {
      const without: Judge = (known) =>
        comeTo(
          concernsOf(known).filter((concern) => concern.kind !== kind),
          known,
        );
      return CASES.some((one) => !goodNewsOnlyIfAllIsWell(one, without(one.known)));
    });
    // What is over hides nothing.
    expect(hidden).toEqual(CONCERNS.filter((kind) => kind !== "past"));
  });

  it("the worst comes first: an emergency, what is critical, what fails, what is not known", () => {
    const sorted: Rule = (_, { concerns }) => {
      const ranks = concerns.map(({ kind }) => CONCERNS.indexOf(kind));
      return ranks.every((rank, index) => rank >= (ranks[index - 1] ?? 0));
    };
    expect(broken(sorted)).toEqual([]);
    const stopped: Rule = ({ known }, { level }) =>
      (level === "stopped") === (isStopped(known) || isShown(known));
    expect(broken(stopped)).toEqual([]);
    const critical: Rule = ({ known }, { mark, next }) => {
      const down = known.looks.every(({ native }) => native.kind === "fails");
      const isCritical = down || assessmentOf(known)?.recommendation === "not-aus";
      if (isStopped(known) || isShown(known) || !isCritical) return true;
      return mark === "✖" && words(next) === "not-aus";
    };
    expect(broken(critical)).toEqual([]);
  });

  it("the next command is one that is not refused then", () => {
    expect(broken(nextIsNotRefused)).toEqual([]);
    // As recommended, whatever the state is.
    const naive: Judge = (known) => {
      const words = assessmentOf(known)?.recommendation ?? "watch";
      return { ...situationOf(known), next: { kind: "command", words, reason: "x" } };
    };
    expect(broken(nextIsNotRefused, naive)).not.toEqual([]);
  });

  it("nothing frightening is offered where nothing is known to fail", () => {
    const calm: Rule = ({ known }, { next }) => {
      const { findings = [], problems = [] } = assessmentOf(known) ?? {};
      const fails = known.looks.some(({ native }) => native.kind === "fails");
      const far = findings.some((finding) => finding.far);
      return fails || far || problems.length > 0 || !RELIEF.includes(words(next));
    };
    expect(broken(calm)).toEqual([]);
  });

  it("an emergency asks for no further relief, and for restore only when it is live and old", () => {
    const proves: Rule = ({ known, raw }, { next }) => {
      if (!isStopped(known)) return true;
      const everywhere = known.looks.every(({ emergency }) => emergency === true);
      const old = raw === STATES["stopped an hour ago"] || raw === STATES["stopped in config"];
      return !RELIEF.includes(words(next)) && (words(next) !== "restore" || (everywhere && old));
    };
    expect(broken(proves)).toEqual([]);
  });

  it("what was measured before a stop is not told as if it were so now", () => {
    const past: Rule = ({ known }, { concerns }) => {
      if (!isStopped(known)) return true;
      return concerns.every(({ text }) => !/^(?:failing|inconclusive): /.test(text));
    };
    expect(broken(past)).toEqual([]);
  });
});

describe("what is said", () => {
  const known = (more: Partial<Known> & { in?: string; of?: string }): Known => {
    const { in: state = "10 %", of = "pass", ...rest } = more;
    const look = { emergency: false, current: true, native: answers, proxy: answers };
    const looks = ["FRA", "AMS"].map((place) => ({ place, ...look }));
    const figures = figuresOf(FIGURES[of] ?? raise(of));
    return knownOf(STATES[state] ?? null, { looks, figures, ...rest });
  };
  const answers = { kind: "answers" } as const;
  const raise = (name: string): never => {
    throw new Error(`no ${name}`);
  };
  const said = (given: Parameters<typeof known>[0]) => {
    const { mark, headline, concerns, next } = situationOf(known(given));
    const others = concerns.slice(1).map((one) => `${one.mark} ${one.text}`);
    return { first: `${mark} ${headline}`, others, next: words(next) };
  };

  it("of a database that is down, however healthy the figures still are", () => {
    const fails = { kind: "fails", problem: "database: no answer in time" } as const;
    const looks = ["FRA", "AMS"].map((place) => ({
      ...{ place, emergency: false, current: true, native: fails, proxy: answers },
    }));
    expect(said({ looks })).toEqual({
      first: "✖ native's ping fails at 2 of 2 /qa: FRA (database: no answer in time), AMS",
      others: [],
      next: "not-aus",
    });
  });

  it("of 39.6 % errors twelve seconds after the stop: that they are from before it", () => {
    const looks = known({}).looks.map((look) => ({ ...look, emergency: true }));
    expect(said({ in: "stopped 12 s ago", of: "critical", looks })).toEqual({
      first: `! EMERGENCY: all traffic is on proxy (the legacy origin) since ${ago(12).replace(".000", "")}, 12 s ago, set by anna: 5xx`,
      others: ["  before the stop: error rate, critical 39.6 %: over 3 % in each of 3 min"],
      next: "verify --fleet",
    });
  });

  it("of errors far over the limit for a minute: that it is early, and what to do all the same", () => {
    expect(said({ of: "far over for 1 min" })).toEqual({
      first: "! error rate, critical 22 %: far over 3 %, too early to be sure",
      others: [],
      next: "not-aus",
    });
    expect(said({ of: "far over, few requests" }).first).toMatch(
      /^! error rate, critical 50 %: far over 3 %, too early to be sure: 18 native requests in 3 min, needs 50$/,
    );
    expect(said({ of: "over for 1 min" })).toMatchObject({
      first: expect.stringMatching(
        /^! inconclusive: error rate, critical 4 %: over 3 % in 1 of 3 min so far/,
      ),
      next: "watch",
    });
  });

  it("of locations that still show an emergency which nothing stores any more", () => {
    const [FRA, AMS] = known({}).looks;
    if (FRA === undefined || AMS === undefined) throw new Error("no looks");
    expect(said({ looks: [{ ...FRA, emergency: true, current: false }, AMS] })).toEqual({
      first: "! EMERGENCY at FRA",
      others: ["! KV holds no stop: what FRA goes by is older, or was overwritten"],
      next: "verify --fleet",
    });
  });

  const stopBy = (carriers: ("kv" | "beacon")[]) => {
    const stop = { id: "S9", at: ago(12), by: "bob", reason: "5xx", carriers };
    return known({}).looks.map((look) => ({
      ...look,
      emergency: true,
      current: false,
      stops: [stop],
    }));
  };

  it("of a stop that only the beacon has: who set it, when, and what becomes of it", () => {
    expect(said({ looks: stopBy(["beacon"]) })).toEqual({
      first: expect.stringMatching(
        /^! EMERGENCY: all traffic is on proxy \(the legacy origin\) since .*, 12 s ago, set by bob: 5xx$/,
      ),
      others: [
        "! the beacon alone has this stop: the cron copies it to KV after 2 min, not-aus at once",
      ],
      next: "not-aus",
    });
  });

  it("of a stop that was released, and still shows: nobody is sent to another stop", () => {
    const release = { active: false, by: "eve", at: ago(1), releases: { stops: [{ id: "S9" }] } };
    const base = known({});
    const raw = { config: null, stop: JSON.stringify(release) };
    const state = { ...parseState(raw), config: base.state?.config ?? { kind: "absent" as const } };
    const { concerns, next } = situationOf({ ...base, state, looks: stopBy(["beacon"]) });
    expect(concerns[1]?.text).toMatch(/^released by eve, which has not reached /);
    expect(next).toMatchObject({ words: "verify --fleet" });
  });

  it("of a rung that is taken: until restore, whatever is stored", () => {
    const version = { via: "version", patterns: [], at: ago(60), by: "bob" } as const;
    const route = { via: "route", patterns: ["api.pix.immo/*"], at: ago(30), by: "bob" } as const;
    const all = known({}).looks.map((look) => ({ ...look, emergency: true }));
    for (const state of ["10 %", "stopped 12 s ago", "unreadable"]) {
      expect(said({ in: state, rungs: [version], looks: all })).toMatchObject({
        first: expect.stringMatching(/^! EMERGENCY by the proxy-only version, until restore: all/),
        next: "restore",
      });
    }
    expect(said({ rungs: [route, version] }).first).toMatch(
      /^! EMERGENCY by the deleted route api\.pix\.immo\/\* and the proxy-only version, until/,
    );
    const [FRA, AMS] = known({}).looks;
    if (FRA === undefined || AMS === undefined) throw new Error("no looks");
    const looks = [{ ...FRA, emergency: true }, AMS];
    expect(said({ rungs: [version], looks }).first).toMatch(/until restore, but not at AMS since/);
  });

  it("of a beacon that is silent: how late a stop is then, and the rung that is not", () => {
    const looks = known({}).looks.map((look) => ({ ...look, beacon: "silent" as const }));
    const text =
      "! the beacon does not answer at FRA, AMS: a stop arrives by KV alone (60 s or more)";
    expect(said({ looks })).toEqual({ first: text, others: [], next: "doctor" });
    expect(said({ in: "stopped 12 s ago", looks }).others).toContain(
      `${text}; faster: pixcanary not-aus --via version`,
    );
  });

  it("of an outage: its reason once", () => {
    const figures = "metrics (health by minute): HTTP 503";
    const unread = ["ramp: read ramp: HTTP 503", "guardian: read guardian: HTTP 503"];
    expect(said({ figures, unread })).toEqual({
      first: "? not known: native's health, ramp, guardian (HTTP 503)",
      others: [],
      next: "doctor",
    });
    expect(said({ figures, unread, because: "HTTP 503" }).first).toBe(
      "? not known either: native's health, ramp, guardian",
    );
  });

  it("of a cap: when the guardian set it, and no more relief for what was measured before", () => {
    expect(said({ in: "capped", of: "warning" })).toMatchObject({ next: "watch" });
    expect(said({ in: "capped", of: "critical" })).toMatchObject({ next: "not-aus" });
    expect(said({ in: "capped" })).toMatchObject({ next: "restore", others: [] });
  });

  it("of a ramp that another change has ended, although its document runs on", () => {
    expect(said({ ramp: OVERTAKEN })).toEqual({
      first: expect.stringMatching(/^! the ramp is over: unknown .*, config was changed at /),
      others: [],
      next: "ramp status",
    });
  });
});
