/** `status` from its reads to its exit code: what is asked, what it says first, what a script gets. */
import { describe, expect, it } from "vitest";
import { exitCodeOf } from "../../../src/cli/exit.ts";
import { reportText } from "../../../src/cli/report.ts";
import { disable } from "../../../src/commands/lower/disable.ts";
import { reduce } from "../../../src/commands/lower/reduce.ts";
import { status } from "../../../src/commands/status/status.ts";
import type { Sighting } from "../../../src/domain/proof/expectation.ts";
import { GATE, written } from "../../../src/domain/ramp/advance.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { minutes, seen } from "../../domain/policy/world.ts";
import { rampOf } from "../../domain/ramp/world.ts";
import { metricsOf } from "../../support/metric-answers.ts";
import { GIVEN } from "../../support/ports-of.ts";
import { NOW_MS, PLAIN, PORTS, sightingOf, TARGET, VirtualClock } from "../watch/world.ts";

const ago = (seconds: number) => new Date(NOW_MS - seconds * 1_000).toISOString();
const CONFIG = {
  ...{ canary_percent: 10, canary_tag: "B2a", emergency_proxy: false },
  ...{ last_updated: ago(660), revision: PLAIN.revision },
};
const STOP = { active: true, id: "S1", at: ago(12), by: "anna", reason: "5xx" };
const BAD = seen(minutes(5, { native: { errors: 396 } }));

const down = (sighting: Sighting): Sighting => {
  if (sighting.qa === null) throw new Error("no document");
  const native = {
    ...sighting.qa.health.native,
    status: "failing",
    problem: "database: down",
  } as const;
  return { ...sighting, qa: { ...sighting.qa, health: { ...sighting.qa.health, native } } };
};

interface World {
  figures?: ReturnType<typeof seen>;
  stop?: object | null;
  sighting?: Sighting;
  more?: Partial<Ports>;
}

function portsOf({ figures = seen([]), stop = null, sighting, more = {} }: World): Ports {
  const text = stop === null ? null : JSON.stringify(stop);
  const read = async () => ({ config: JSON.stringify(CONFIG), stop: text });
  const shown = sighting ?? sightingOf(PLAIN, 10, stop !== null);
  return {
    ...PORTS,
    target: { ...TARGET, dataset: "canary_requests" },
    clock: new VirtualClock(),
    store: { ...PORTS.store, read },
    metrics: metricsOf(figures, NOW_MS),
    journal: { ...PORTS.journal, recent: async () => ({ entries: [], warnings: [] }) },
    qa: { urls: ["https://fra.example/qa"], look: async () => shown },
    ...more,
  };
}

async function asked(world: World, exitCode = true) {
  const outcome = await status.run({ ...GIVEN, exitCode }, portsOf(world));
  const { out, err } = reportText(status, outcome);
  return { code: exitCodeOf(outcome), first: (out + err).split("\n")[0], text: out + err };
}

describe("status --exit-code", () => {
  it("is 0 when nothing is wrong and all is known", async () => {
    expect(await asked({})).toMatchObject({ code: 0, first: "✔ healthy: no finding fails" });
  });

  it("is 20 when the database is down, which comes before all else, and asks for not-aus", async () => {
    const answer = await asked({ sighting: down(sightingOf(PLAIN, 10)) });
    expect(answer).toMatchObject({
      code: 20,
      first: "✖ native's ping fails at 1 of 1 /qa: FRA (database: down)",
    });
    expect(answer.text).toContain("    ✖ FRA   10 %, ping: native FAILS, proxy answers");
    expect(answer.text).toMatch(/→ next: pixcanary not-aus --env production --reason /);
    expect(answer.text).not.toMatch(/healthy|^✔/m);
  });

  it("is 20 when figures fail beside a ping that answers, and when something could not be read", async () => {
    const failing = await asked({ figures: BAD });
    expect(failing).toMatchObject({
      code: 20,
      first: expect.stringMatching(/^✖ failing: error rate, critical 39.6 %/),
    });
    expect(failing.text).not.toContain("healthy");
    const get = async (key: string) => {
      if (key === "ramp") throw new UpstreamError("unavailable", "HTTP 503");
      return null;
    };
    const unread = await asked({ more: { documents: { ...PORTS.documents, get } } });
    expect(unread).toMatchObject({ code: 20, first: "? not known: ramp: HTTP 503" });
  });

  it("is 20 when a ramp's process has died on this machine, which knows of it at once", async () => {
    const begun = rampOf("10:2h,100", { nowMs: NOW_MS, revisions: [PLAIN.revision, "NEXT"] });
    const hold_until = new Date(NOW_MS + 7_200_000).toISOString();
    const ramp = { ...written(begun, 0, ago(660), NOW_MS), phase: "hold", hold_until } as const;
    const after = (fence: number, alive: boolean, paused = ramp.paused) => {
      const stored = JSON.stringify({ ...ramp, paused, carrier: { ...ramp.carrier, fence } });
      const get = async (key: string) => (key === "ramp" ? stored : null);
      const read = async () => JSON.stringify({ ...ramp, paused });
      const rampFile = { ...PORTS.rampFile, read, isLocked: async () => alive };
      return asked({ more: { documents: { ...PORTS.documents, get }, rampFile } });
    };
    const dead = await after(ramp.carrier.fence, false);
    expect(dead).toMatchObject({
      code: 20,
      first: "! the ramp stands at 10 %: its process on this machine (laptop) has died",
    });
    expect(dead.text).toMatch(/^ {2}ramp .*its process on this machine/m);
    expect(dead.text).not.toMatch(/holding|healthy/);
    expect((await after(ramp.carrier.fence, true)).first).toBe("✔ healthy: no finding fails");
    // Taken over elsewhere since: the file no longer speaks for it.
    expect((await after(ramp.carrier.fence + 1, false)).first).toBe("✔ healthy: no finding fails");
    const byGate = { at: ago(5), by: GATE, why: "too few requests", left_s: null };
    expect((await after(ramp.carrier.fence, false, byGate)).text).not.toContain("has died");
  });

  it("is 26 in an emergency, whose figures are from before it", async () => {
    const answer = await asked({ stop: STOP, figures: BAD });
    expect(answer).toMatchObject({
      code: 26,
      first: expect.stringMatching(/^! EMERGENCY: all traffic/),
    });
    expect(answer.text).toMatch(/^ {2}before the stop: error rate, critical 39.6 %/m);
    expect(answer.text).toContain("→ next: pixcanary verify --env production --fleet");
    expect(answer.text).not.toMatch(/^[✖✔]/m);
  });

  it("is asked for: without it the answer is 0, and the text the same", async () => {
    for (const world of [{ stop: STOP }, { figures: BAD }]) {
      const plain = await asked(world, false);
      expect(plain.code).toBe(0);
      expect(plain.text).toBe((await asked(world)).text);
    }
  });
});

describe("the next command that status gives", () => {
  /** With a stop, without a share, and with one. */
  const worlds: [World, string][] = [
    [{ stop: STOP, figures: seen(minutes(10, { native: { errors: 20 } })) }, "verify"],
    [{ figures: seen(minutes(10, { native: { errors: 20 } })) }, "reduce"],
    [
      {
        figures: seen([], {
          orphans: { kind: "seen", value: { intents: 5_000, finalized: 9, requests: 0 } },
        }),
      },
      "disable",
    ],
  ];
  it.each(worlds)("%#: is not refused", async (world, verb) => {
    const ports = portsOf(world);
    const outcome = await status.run({ ...GIVEN, exitCode: false }, ports);
    expect("next" in outcome && outcome.next).toMatch(new RegExp(`^pixcanary ${verb} `));
    const given = { ...GIVEN, to: undefined };
    if (verb === "reduce") expect((await reduce.plan(given, ports)).kind).toBe("plan");
    if (verb === "disable") expect((await disable.plan(given, ports)).kind).toBe("plan");
    // The twin: what it would have been by the figures alone is refused after the stop.
    if (verb === "verify") expect((await disable.plan(given, ports)).kind).toBe("ended");
  });
});
