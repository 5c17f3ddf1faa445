/** A restore releases what its operator has seen, and says what native did before the stop. */
import { describe, expect, it } from "vitest";
import { restore } from "../../../src/commands/restore/restore.ts";
import { unseenBy } from "../../../src/commands/restore/seen.ts";
import { newestEndS } from "../../../src/domain/policy/observations.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { AT_ONCE, modelPorts, modelStore } from "../../support/fake-ports.ts";
import { journalEntry } from "../../support/journal-entries.ts";

const given = {
  reason: "pool size fixed",
  incident: undefined,
  force: true,
  verify: true,
  timeoutMs: 10_000,
  to: 10,
};
const NOW_MS = Date.parse("2026-03-01T12:00:00Z");
const CONFIG = JSON.stringify({
  canary_percent: 0,
  canary_tag: "B2a",
  emergency_proxy: false,
  last_updated: "2020-01-01T00:00:00Z",
  revision: "BEFORE",
  updated_by: "anna",
});

type Stop = { id?: string; by?: string; at?: string };
const ago = (seconds: number) => new Date(NOW_MS - seconds * 1_000).toISOString();

async function planned(
  stop: Stop | string,
  named?: string[],
  change: (ports: Ports) => object = () => ({}),
) {
  const text = typeof stop === "string" ? stop : JSON.stringify({ active: true, ...stop });
  const model = modelPorts(modelStore({ config: [CONFIG], stop: [text] }, AT_ONCE, [0]));
  const clock = { ...model.clock, now: () => NOW_MS };
  const identity = { ...model.identity, actor: "ben" };
  const ports = { ...model, clock, identity, qa: { ...model.qa, urls: [] } };
  const plan = await restore.plan({ ...given, stop: named }, { ...ports, ...change(ports) });
  if (plan.kind === "ended")
    return { ended: plan.outcome, unseen: undefined, notes: [], names: [] };
  const names = "names" in plan.steps ? plan.steps.names.stops.map(({ id }) => id) : [];
  return { ended: undefined, unseen: plan.unseen, notes: plan.notes, names };
}

describe("a stop of less than two minutes ago", () => {
  it("by somebody else is not released by --yes alone", async () => {
    const { unseen } = await planned({ id: "S1", by: "anna", at: ago(20) });
    expect(unseen).toMatchObject({
      kind: "failed",
      code: "conflict",
      message: expect.stringMatching(
        /another operator's stop of less than 2 min ago: anna, .*20 s ago/,
      ),
      next: expect.stringMatching(/ restore .*--yes --stop S1$/),
    });
  });
  it.each([
    ["named by --stop", { id: "S1", by: "anna", at: ago(20) }, ["S1"]],
    ["one's own", { id: "S1", by: "ben", at: ago(20) }, undefined],
    ["older", { id: "S1", by: "anna", at: ago(121) }, undefined],
  ] as const)("%s is", async (_, stop, named) => {
    const plan = await planned(stop, named && [...named]);
    expect(plan).toMatchObject({ ended: undefined, unseen: undefined });
  });
  it.each([
    ["dated ahead", { id: "S1", by: "anna", at: ago(-3_600) }],
    ["without a time", { id: "S1", by: "anna" }],
    ["without an author", { id: "S1", at: ago(20) }],
    ["without a name", { at: ago(20) }],
    ["whose name no shell takes", { id: "a b;c", by: "anna", at: ago(20) }],
    ["that nobody can read", '{"active": true, "at": '],
  ])("may be one %s: it is not released either, and its name is told", async (_, stop) => {
    const { unseen } = await planned(stop);
    const next = unseen?.kind === "failed" ? unseen.next : "";
    const name = / --stop (\S+)$/.exec(next)?.[1] ?? "";
    expect(name).toMatch(/^(S1|[0-9a-f]{16})$/);
    expect(await planned(stop, [name])).toMatchObject({ ended: undefined, unseen: undefined });
  });
});

it.each([
  ["another's young one is not", { actor: "anna", at: ago(20) }, ["S1"]],
  ["nor one by a clock ahead", { actor: "anna", at: ago(-600) }, ["S1"]],
  ["one's own is", { actor: "ben", at: ago(20) }, ["S1", "S2"]],
  ["an older one is", { actor: "anna", at: ago(121) }, ["S1", "S2"]],
])(
  "of stops that only the journal tells of, %s released: nobody has shown it",
  async (_, by, is) => {
    const entries = [journalEntry({ id: "S2", ...by })];
    const journal = (ports: Ports) => ({
      journal: { ...ports.journal, recent: async () => ({ entries, warnings: [] }) },
    });
    const stop = { id: "S1", by: "ben", at: ago(600) };
    const { names, unseen } = await planned(stop, undefined, journal);
    expect([names, unseen]).toEqual([is, undefined]);
  },
);

it("whatever a stop is named by is one word for a shell", () => {
  const ports = modelPorts(modelStore({ config: [CONFIG], stop: [null] }, AT_ONCE, [0]));
  const stop = { key: "stop", mark: "$(touch x);id", readable: true } as const;
  expect(unseenBy([stop], [], ports)?.next).toMatch(/ --stop '\$\(touch x\);id'$/);
});

it("a stop that was named and is not in force ends it, and the one that is in force is told", async () => {
  const { ended } = await planned({ id: "S2", by: "anna", at: ago(200) }, ["S1"]);
  expect(ended).toMatchObject({
    kind: "failed",
    code: "conflict",
    message: "S1 is not in force",
    truth: expect.stringContaining("in force: S2"),
  });
});

describe("what native did before the stop", () => {
  /** 100 requests a minute, so many errors, in the five minutes before that time. */
  const failing = (untilMs: number, errors: number) => (ports: Ports) => ({
    metrics: {
      ask: async (question: Parameters<Ports["metrics"]["ask"]>[0]) => {
        const query = question("canary_requests");
        if (query.name !== "health by minute") return query.read([]);
        const toS = newestEndS(Math.floor(untilMs / 1_000), ports.target.policy);
        const counts = { requests: 100, observations: 100, errors, errorObservations: errors };
        const rows = Array.from({ length: 5 }, (_, minute) => {
          const bucket = toS - (minute + 1) * 60;
          return { bucket, cohort: "native", ...counts, p50: 1, p90: 90, p99: 90 };
        });
        return query.read(rows);
      },
    },
  });
  const stop = { id: "S1", by: "anna", at: ago(3_600) };

  it("is shown an hour later, beside the reason why it is over", async () => {
    const { notes } = await planned(stop, undefined, failing(NOW_MS - 3_600_000, 16));
    const said = notes.join("\n");
    expect(said).toContain("before the stop: fail error rate of native < 1 %: 16 % over 5 min");
    expect(said).toContain('why that is over, by your --reason: "pool size fixed"');
  });
  it("asks for no reason where it was normal", async () => {
    const { notes } = await planned(stop, undefined, failing(NOW_MS - 3_600_000, 0));
    expect(notes.join("\n")).not.toContain("before the stop");
  });
  it("is told to be unknown where nobody knows when the stop was", async () => {
    const { notes } = await planned({ id: "S1", by: "anna" }, ["S1"], failing(NOW_MS, 16));
    expect(notes).toContain("before the stop: not known");
  });
});
