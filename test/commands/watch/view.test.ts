/** What `watch` shows and tells, from fixed data: nothing too long, nothing unsafe, the worst first. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { factsOf, newFacts } from "../../../src/commands/watch/changes.ts";
import type { WatchModel } from "../../../src/commands/watch/model.ts";
import { emptyModel, failed, looked, seen as seenPart } from "../../../src/commands/watch/model.ts";
import { viewLines } from "../../../src/commands/watch/view.ts";
import { NO_CHANGE } from "../../../src/domain/state/journal.ts";
import { widthOf } from "../../../src/domain/text/width.ts";
import { minutes, seen } from "../../domain/policy/world.ts";
import { hostileText } from "../../support/hostile-text.ts";
import type { Texts } from "./world.ts";
import { entryOf, fullModel, NOW_MS, PLAIN, sightingOf, storedState, TARGET } from "./world.ts";

const BAD = seen(minutes(5, { native: { errors: 50, p90: 400 } }));
const GOOD = seen([]);

const view = (model: WatchModel, columns = 80, rows = 24) =>
  viewLines(model, { target: TARGET, nowMs: NOW_MS, columns, rows });

const UNSAFE = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

function hold(lines: readonly string[], columns: number, rows: number): void {
  expect(lines.length).toBeLessThan(Math.max(2, rows));
  expect(lines.filter((line) => widthOf(line) > columns || UNSAFE.test(line))).toEqual([]);
}

describe("the view", () => {
  it.each([
    [80, 24],
    [120, 40],
  ])("at %d × %d", async (columns, rows) => {
    const lines = view(fullModel(BAD), columns, rows);
    hold(lines, columns, rows);
    await expect(lines.join("\n")).toMatchFileSnapshot(`watch-view-${columns}.txt`);
  });

  it("says of an entry that changed nothing what happened, not from what to what", () => {
    const notes = ["ramp pause requested: freeze (ada)"];
    const entry = { ...entryOf(PLAIN, "NEW", 5), before: NO_CHANGE, after: NO_CHANGE, notes };
    const model = { ...fullModel(GOOD), journal: seenPart([entry], NOW_MS) };
    expect(view(model).join("\n")).toMatch(
      /^ {2}journal .* ago {2}ramp pause requested: freeze \(ada\)$/m,
    );
  });

  it("fits whatever size the terminal has", () => {
    for (let columns = 1; columns <= 140; columns += 7) {
      for (let rows = 1; rows <= 50; rows += 3)
        hold(view(fullModel(BAD), columns, rows), columns, rows);
    }
  });

  it("says first what is wrong, last what to do, and keeps both when there is little room", () => {
    const lines = view(fullModel(BAD), 120, 8);
    expect(lines[1]).toMatch(/^✖ failing: error rate, critical 5 %/);
    expect(lines.at(-1)).toMatch(/^→ next: pixcanary not-aus --env production --reason '/);
  });

  it("gives a command that can be pasted, whatever the width", () => {
    const narrow = view(fullModel(BAD), 60).filter((line) => line.startsWith("→"));
    expect(narrow).toEqual(["→ next: pixcanary not-aus --env production"]);
    const target = { ...TARGET, configPath: "/home/on call/pixcanary.json" };
    const lines = viewLines(fullModel(BAD), { target, nowMs: NOW_MS, columns: 50, rows: 40 });
    const from = lines.findIndex((line) => line.startsWith("→"));
    const pasted = lines.slice(from).join("\n").replaceAll("\\\n", "").replace(/ +/g, " ");
    expect(pasted).toBe(
      "→ next: pixcanary not-aus --config '/home/on call/pixcanary.json' --env production",
    );
  });

  it("names an emergency before all else, and what proves it", () => {
    const model = fullModel(GOOD);
    const at = new Date(NOW_MS - 30_000).toISOString();
    model.state = seenPart(
      storedState(PLAIN, { active: true, at, by: "anna", reason: "5xx" }),
      NOW_MS,
    );
    const lines = view(model, 120);
    expect(lines[1]).toMatch(
      /^! EMERGENCY, live at 0 of 2 \/qa since .*, 30 s ago, set by anna: 5xx$/,
    );
    expect(lines.join("\n")).not.toMatch(/healthy|^✔/m);
    expect(lines.at(-1)).toBe("→ next: pixcanary verify --env production");
    // Both locations still show the share.
    expect(lines.find((line) => line.includes("FRA 10 %"))).toMatch(/^! live {6}FRA 10 %/);
  });

  it("shows what cannot be had with its age, next to the last that was seen", () => {
    const model = fullModel(GOOD);
    model.health = failed(failed(model.health, "HTTP 503"), "HTTP 503");
    const look = model.looks[0];
    if (look === undefined) throw new Error("no look");
    model.looks[0] = looked(
      look,
      { ...sightingOf(PLAIN, 10), status: null, decision: null, qa: null, problem: "no answer" },
      false,
    );
    const text = view(model, 100).join("\n");
    expect(text).toContain("! metrics unavailable (last data 7 s old): HTTP 503");
    expect(text).toContain("FRA 10 %, no answer");
    expect(text).toMatch(/requests\s+1,000\/min/);
  });

  it("before anything is known", () => {
    const lines = view(emptyModel(["https://a.example/qa"]));
    expect(lines.join("\n")).toContain("? no data on native's health: loading …");
    expect(lines.at(-1)).toBe("→ next: pixcanary doctor --env production");
  });

  it("lets no remote text reach the terminal as control characters (AT-23)", () => {
    const hostile = hostileText(60);
    const texts: fc.Arbitrary<Texts> = fc.record({
      actor: hostile,
      reason: hostile,
      colo: hostile,
      problem: hostile,
      revision: hostile,
    });
    const size = fc.record({
      columns: fc.integer({ min: 20, max: 160 }),
      rows: fc.integer({ min: 5, max: 50 }),
    });
    fc.assert(
      fc.property(texts, size, (given, { columns, rows }) => {
        const model = fullModel(BAD, given);
        model.share = failed(model.share, given.problem);
        model.looks = model.looks.map((look) =>
          looked(look, { ...sightingOf(given, 5), problem: given.problem }, true),
        );
        hold(view(model, columns, rows), columns, rows);
      }),
      { numRuns: 60 },
    );
  });
});

describe("what is told without a terminal", () => {
  const tellOf =
    (told: Map<string, string>) =>
    (model: WatchModel, nowMs = NOW_MS) =>
      newFacts(told, factsOf(model, TARGET, nowMs)).map(
        ({ kind, mark, text }) => `${mark} ${kind} ${text}`,
      );

  it("is told once, whatever the ages do meanwhile", () => {
    const tell = tellOf(new Map());
    expect(tell(fullModel(GOOD)).length).toBeGreaterThan(5);
    expect(tell(fullModel(GOOD), NOW_MS + 3_600_000)).toEqual([]);
  });

  it("is told again when it changes: share, stop, finding, location, entry, data", () => {
    const tell = tellOf(new Map());
    tell(fullModel(GOOD));
    const model = fullModel(BAD);
    model.state = seenPart(storedState(PLAIN, { active: true, by: "anna", reason: "5xx" }), NOW_MS);
    model.looks = model.looks.map((look) => looked(look, sightingOf(PLAIN, 10, true), false));
    model.journal = seenPart([entryOf(PLAIN, "NEW", 5)], NOW_MS);
    model.locations = seenPart([], NOW_MS);
    model.share = failed(model.share, "HTTP 503");
    const lines = tell(model).join("\n");
    expect(lines).toMatch(/^! state EMERGENCY, set by anna: 5xx$/m);
    expect(lines).toMatch(/^ {2}live FRA emergency$/m);
    expect(lines).toMatch(
      /^ {2}health possibly before the stop: error rate, critical 5 %.* → pixcanary verify/m,
    );
    expect(lines).toMatch(/^✖ finding fail: possibly before the stop: error rate, critical/m);
    expect(lines).toMatch(/^ {2}journal .* reduce {2}20 % → 10 %/m);
    expect(lines).toMatch(/^! data share unavailable: HTTP 503$/m);
    const back = tell(fullModel(GOOD)).join("\n");
    expect(back).toMatch(/^! health deciding by an older state: IAD → pixcanary verify/m);
    expect(back).toMatch(/^✔ finding pass: error rate, critical/m);
    expect(back).toMatch(/^✔ data share available again$/m);
  });

  it("does not tell one lost look, but two, and that it is back", () => {
    const tell = tellOf(new Map());
    const model = fullModel(GOOD);
    tell(model);
    const lost = {
      ...sightingOf(PLAIN, 10),
      status: null,
      decision: null,
      qa: null,
      problem: "reset",
    };
    const lose = (): void => {
      model.looks = model.looks.map((look) => looked(look, lost, false));
    };
    lose();
    expect(tell(model)).toEqual([]);
    lose();
    expect(tell(model)).toEqual([
      "! live FRA 10 %; no answer since: reset",
      "! live FRA 10 %; no answer since: reset",
    ]);
    model.looks = model.looks.map((look) => looked(look, sightingOf(PLAIN, 10), false));
    expect(tell(model)).toEqual(["  live FRA 10 %", "  live FRA 10 %"]);
  });
});
