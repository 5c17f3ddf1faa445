/** The table of `validate` and its ticket, whatever foreign text they hold. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { reportJson, reportText } from "../../../src/cli/report.ts";
import { validate } from "../../../src/commands/validate/validate.ts";
import { widthOf } from "../../../src/domain/text/width.ts";
import { hostileText } from "../../support/hostile-text.ts";
import type { Texts } from "../watch/world.ts";
import { PLAIN, VirtualClock } from "../watch/world.ts";
import { ask, hoursAgo, portsOf, stopEntry, type World } from "./world.ts";

describe("the ticket", () => {
  const ticketOf = async (world: World = {}) => {
    const outcome = await ask(portsOf(world), { smoke: false, markdown: true });
    return { outcome, ...reportText(validate, outcome) };
  };
  /** Cells of each row, by the pipes that GitHub takes for borders. */
  const cellsOf = (line: string) => line.split("|").length - 2;

  it("is all that is printed, and has everything in it", async () => {
    const { out, err, exitCode } = await ticketOf({ at: hoursAgo(20) });
    expect([exitCode, err]).toEqual([20, ""]);
    expect(out).toMatch(/^## NO-GO for the next step of production\n/);
    for (const part of [
      "- **Environment:** production (Worker pix)",
      "- **Time:** 2025-11-13T02:13:37Z, by oncall@laptop",
      "- **Tool:** pixcanary 0.1.0",
      "- **Share of new visitors:** 10 %, tag B2a",
      `- **Revision:** ${PLAIN.revision}`,
      "- **Window:** 2025-11-12T02:13Z to 2025-11-13T02:13Z (24 h, 1,440 × 60 s)",
      "| policy | ✖ fail | 2 of 10 rules failed in 1,440 min | error rate, critical: 4 % at worst",
      "| error rate, critical | ✖ fail | 3 % | 3 × | 2025-11-12T06:16:00Z | 2025-11-12T06:18:00Z |",
      "**Verdict: NO-GO**",
      "```sh\npixcanary logs errors --env production --since 2025-11-12T06:13:00Z --until 2025-11-12T06:18:00Z",
    ]) {
      expect(out).toContain(part);
    }
    const go = await ticketOf();
    expect([go.exitCode, go.out]).toEqual([
      0,
      expect.stringContaining("```sh\npixcanary ramp start"),
    ]);
    const { out: json } = reportJson("validate", "production", go.outcome);
    expect(JSON.parse(json)).toMatchObject({ schema: 1, verdict: "GO", markdown: go.out });
  });

  it("keeps its tables, whatever foreign text holds", async () => {
    const evil = "a|b\n| c | <script> `x` [y](z) **d** @all\\|\u001b[31m";
    const texts: Texts = { actor: evil, reason: evil, colo: evil, problem: evil, revision: evil };
    const { out } = await ticketOf({ texts, entries: [{ ...stopEntry(60), actor: evil }] });
    const rows = out.split("\n").filter((line) => line.startsWith("|"));
    expect(new Set(rows.map(cellsOf))).toEqual(new Set([4, 8]));
    expect(rows.filter((line) => /^\| --- /.test(line))).toHaveLength(2);
    for (const live of ["<script", "\u001b", " @all", "`x`", "[y]("])
      expect(out).not.toContain(live);
  });
});

test("the table keeps to 80 columns, and no remote text reaches the terminal as it is (AT-23)", async () => {
  const one = hostileText(40);
  const texts = fc.record({ actor: one, reason: one, colo: one, problem: one, revision: one });
  const unsafe = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;
  await fc.assert(
    fc.asyncProperty(texts, async (given) => {
      const entries = [{ ...stopEntry(60), actor: given.actor, reason: given.reason }];
      const sighting = { qa: null, colo: given.colo, problem: given.problem };
      const clock = new VirtualClock();
      const ports = { ...portsOf({ texts: given, entries, sighting, rows: FEW }), clock };
      const outcome = await clock.play(ask(ports, { smoke: false, window: "20m" }));
      const lines = validate.render(outcome).split("\n");
      expect(lines.filter((line) => widthOf(line) > 80 || unsafe.test(line))).toEqual([]);
    }),
    { numRuns: 25 },
  );
});
/** Judging a whole day for each of them would take long. */
const FEW = { "health by minute": [] };
