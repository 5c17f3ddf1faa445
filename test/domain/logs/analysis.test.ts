/** Groups, rates, marks and causes: what an engineer who was paged reads. */
import { describe, expect, it } from "vitest";
import type { LogFilter } from "../../../src/domain/logs/filter.ts";
import { changesOf, MAX_CHANGES } from "../../../src/domain/logs/timeline.ts";
import { NO_CHANGE } from "../../../src/domain/state/journal.ts";
import { journalEntry } from "../../support/journal-entries.ts";
import {
  analysed,
  errorLine,
  type Feeding,
  type Line,
  logLine,
  ndjson,
  START_MS,
  traceEvent,
} from "../../support/log-lines.ts";

const MINUTE = 60_000;
const of = (lines: readonly Line[], given: Feeding = {}) => analysed(ndjson(lines), given);
const repeat = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** Digits would be folded. */
const letters = (n: number): string => String.fromCharCode(97 + (n % 26), 97 + n / 26);

describe("groups", () => {
  it("fold ids, and say how many, since when and for whom", () => {
    const lines = repeat(10, (n) =>
      errorLine(
        `job ${n}1234567 failed after ${n} ms`,
        { colo: n < 7 ? "FRA" : "IAD", cohort: n < 9 ? "native" : "proxy", rayID: `ray${n}` },
        START_MS + n * 1_000,
      ),
    );
    const { groups, matched } = of([...lines.reverse(), errorLine("other"), logLine()]);
    expect(matched).toBe(11);
    expect(groups).toMatchObject([
      {
        message: "Error: job <n> failed after <n> ms",
        error: "Error",
        count: 10,
        share: 10 / 11,
        first_seen: "2026-05-01T00:49:00.000Z",
        last_seen: "2026-05-01T00:49:09.000Z",
        cohorts: { native: 9, proxy: 1 },
        phases: { b1a: 10 },
        routes: { "/api/pixcapture/upload/intent": 10 },
        locations: { FRA: 7, IAD: 3 },
        countries: { DE: 10 },
        devices: { mobile: 10 },
        statuses: { 500: 10 },
        example: { ray_id: "ray9", at: "2026-05-01T00:49:09.000Z" },
      },
      { message: "Error: other", count: 1 },
    ]);
    expect(groups[0]?.example.stack).toContain("at finalize");
  });

  it("do not depend on the order of lines", () => {
    const lines = repeat(60, (n) =>
      n % 3 === 0
        ? logLine({ colo: `C${n % 7}` }, START_MS + n)
        : errorLine(`boom ${"abc"[n % 3]}`, { colo: `C${n % 5}`, rayID: `r${n}` }, START_MS + n),
    );
    expect(of(lines.toReversed())).toEqual(of(lines));
  });

  it("are bounded; what exceeds the bound is counted, not lost", () => {
    const names = repeat(1_200, (n) =>
      String.fromCharCode(97 + (n % 26), 97 + ((n / 26) % 26), 97 + n / 676),
    );
    const report = of(names.map((name) => errorLine(`boom ${name}`)));
    expect(report.groups).toHaveLength(1_000);
    expect(report).toMatchObject({ matched: 1_200, others: 200 });
    const colos = of(names.map((name) => errorLine("boom", { colo: name }))).groups[0]?.locations;
    expect(Object.keys(colos ?? {})).toHaveLength(41);
    expect(colos?.["(others)"]).toBe(1_160);
  });

  it("are bounded in all their texts, and the newest example stays where there is room for it", () => {
    const line = (n: number, atMs: number) => {
      const context = { error: "E", stack: `at ${"x".repeat(3_900)}` };
      return errorLine(`boom ${letters(n)} ${"y".repeat(1_900)}`, { context }, atMs);
    };
    const lines = repeat(500, (n) => [line(n, START_MS), line(n, START_MS + 1_000)]).flat();
    const { groups, others } = of(lines);
    const known = groups.reduce((sum, { count }) => sum + count, 0);
    expect(known + others).toBe(1_000);
    expect(groups.length).toBeGreaterThan(150);
    expect(groups.length).toBeLessThan(350);
    for (const { example } of groups) expect(example.at).toBe("2026-05-01T00:49:01.000Z");
  });

  it("are bounded in all their values together, and still tell what each line of theirs has", () => {
    const lines = repeat(600, (group) =>
      repeat(20, (n) => {
        const word = (name: string) => `${name}${group}-${n}`.padEnd(120, "x");
        return errorLine(`boom ${letters(group)}`, { colo: word("c"), route: word("/") });
      }),
    ).flat();
    const { groups, others } = of(lines);
    expect([groups.length, others]).toEqual([600, 0]);
    const kept = groups.flatMap(({ locations, routes }) => [locations, routes].map(Object.keys));
    const chars = kept.flat().reduce((sum, value) => sum + value.length, 0);
    expect(chars).toBeGreaterThan(500_000);
    expect(chars).toBeLessThan(850_000);
    for (const { locations, cohorts, phases } of groups) {
      expect(Object.values(locations).reduce((sum, count) => sum + count, 0)).toBe(20);
      expect([cohorts, phases]).toEqual([{ native: 20 }, { b1a: 20 }]);
    }
    expect(groups.filter(({ locations }) => locations["(others)"] === 19).length).toBeGreaterThan(
      300,
    );
  });

  it("take the runbook's plain lines, refusals without an error, and lines with nothing at all", () => {
    const plain = { level: "ERROR", context: { error: "pool exhausted" } };
    const refused = logLine({ level: "ERROR", status: 502, context: null });
    const messages = of([plain, plain, refused, { level: "ERROR" }]).groups.map((g) => g.message);
    expect(messages).toEqual([
      "pool exhausted",
      "(no message)",
      "502 POST /api/pixcapture/upload/intent",
    ]);
  });

  it("are of the lines that are asked for, by the time of the event", () => {
    const lines = repeat(4, (n) =>
      errorLine(
        `boom ${"abcd"[n]}`,
        { route: n === 0 ? "/api/jobs" : "/api/*", cohort: n === 1 ? "proxy" : "native" },
        START_MS + n * MINUTE,
      ),
    );
    const found = (filter: Partial<LogFilter>) =>
      of([...lines, logLine({ level: "WARN", error_msg: "careful" })], { filter })
        .groups.map(({ message }) => message.at(-1))
        .join("");
    expect(found({})).toBe("abcd");
    expect(found({ route: "/api/jobs" })).toBe("a");
    expect(found({ cohort: "proxy" })).toBe("b");
    expect(found({ grep: /BOOM [CD]/i })).toBe("cd");
    expect(found({ levels: new Set(["WARN"]) })).toBe("l");
    expect(found({ sinceMs: START_MS + MINUTE, untilMs: START_MS + 3 * MINUTE })).toBe("bc");
  });
});

describe("rates", () => {
  it("count a sampled success as what it stands for", () => {
    const lines = [...repeat(40, () => logLine()), ...repeat(10, () => errorLine("boom"))];
    const { rates } = of(lines);
    expect(rates).toEqual([
      { cohort: "native", phase: "b1a", requests: 410, errors: 10, error_rate: 10 / 410 },
    ]);
  });
  it("ignore a sample rate that cannot be, and texts that are no request", () => {
    const lines = [logLine({ sample_rate: 1e-9 }), logLine({ sample_rate: 2 })];
    expect(of(lines).rates[0]?.requests).toBe(2);
    expect(of([traceEvent(["a text"])])).toMatchObject({ records: 1, rates: [] });
  });
});

const CHANGE = { atMs: START_MS + 10 * MINUTE, command: "restore", revision: null };
/** Successes all the time, so that there is something to compare with. */
const traffic = repeat(200, (n) => logLine({}, START_MS + n * 6_000));
const failing = (message: string, count: number, fromMinute: number) =>
  repeat(count, (n) => errorLine(message, {}, START_MS + fromMinute * MINUTE + n));

describe("marks", () => {
  const marked = (lines: Line[], changes = [CHANGE]) =>
    of([...traffic, ...lines], { changes }).groups.map(({ changes: marks }) => marks);

  it("say what is new since a change", () => {
    expect(marked(failing("boom", 3, 12))).toEqual([
      [
        {
          kind: "new",
          since: { command: "restore", at: "2026-05-01T00:59:00.000Z", revision: null },
          count: 3,
          factor: null,
        },
      ],
    ]);
    expect(marked([...failing("boom", 1, 9), ...failing("boom", 3, 12)])).toEqual([[]]);
  });
  it("call nothing new when there were no lines before", () => {
    const lines = [...traffic.slice(110), ...failing("boom", 3, 12)];
    expect(of(lines, { changes: [CHANGE] }).groups[0]?.changes).toEqual([]);
  });
  it("name the latest change before the first line, among several", () => {
    const later = { atMs: START_MS + 15 * MINUTE, command: "reduce", revision: null };
    const names = marked(failing("boom", 3, 12), [CHANGE, later]).flat();
    expect(names.map(({ since }) => since.command)).toEqual(["restore"]);
  });
  it.each([
    [10, 21, true],
    [10, 19, false],
    [1, 4, false],
    [2, 5, true],
  ])("grew: %i before and %i after is %s", (before, after, grew) => {
    const lines = [...failing("boom", before, 5), ...failing("boom", after, 12)];
    // Equal traffic on both sides: what is counted is errors per request.
    const report = of([...traffic.map((line) => ({ ...line, sample_rate: 0.001 })), ...lines], {
      changes: [CHANGE],
    });
    expect(report.groups[0]?.changes.map(({ kind }) => kind)).toEqual(grew ? ["grew"] : []);
  });
  it("do not call it growth when the requests grew as much", () => {
    const more = repeat(900, (n) => logLine({}, START_MS + 11 * MINUTE + n));
    const lines = [...failing("boom", 10, 5), ...failing("boom", 50, 12), ...more];
    expect(marked(lines)).toEqual([[]]);
  });
  it("come from the newest entries of the journal, in order of time", () => {
    const entry = (minute: number) =>
      journalEntry({
        id: `id${minute}`,
        at: new Date(START_MS + minute * MINUTE).toISOString(),
        command: `c${minute}`,
      });
    const known = changesOf(repeat(12, (n) => entry(11 - n)));
    expect(known).toHaveLength(MAX_CHANGES);
    expect(known.at(-1)?.command).toBe("c11");
    expect(changesOf([{ ...entry(1), at: "whenever" }])).toEqual([]);
    expect(changesOf([{ ...entry(1), after: NO_CHANGE }])).toEqual([]);
  });
});

describe("causes", () => {
  const causes = (lines: Line[], given: Feeding = {}) =>
    of(lines, given).causes.map(({ category }) => category);
  const error = (name: string, message: string, given: Line = {}) =>
    errorLine(message, { context: { error: name, stack: null }, ...given });

  it.each([
    ["TypeError", "Cannot read properties of undefined (reading 'id')", "native_bug"],
    ["error (42P01)", 'relation "jobs" does not exist', "native_bug"],
    ["TimeLimitError", "database connect: no answer within 5000 ms", "database"],
    ["Error (ECONNREFUSED)", "connect ECONNREFUSED 10.0.0.1:5432", "database"],
    ["error (53300)", "sorry, too many clients already", "database"],
    ["Error", "connection attempt failed", "database"],
    ["Error", "put: We encountered an internal error. Please try again. (10001)", "r2"],
    ["TimeLimitError", "R2: no answer within 5000 ms", "r2"],
    ["Error", "intent 17 not found", "session_drift"],
    ["Error", "KV GET failed: 429", "kv_propagation"],
  ])("%s: %s is %s", (name, message, category) => {
    const { groups } = of([error(name, message)]);
    expect(groups[0]?.categories.map((found) => found.category)).toEqual([category]);
    expect(groups[0]?.categories[0]?.evidence[0]).toMatch(/\(1 of 1\)|all 1/);
  });

  it("are not named without evidence", () => {
    expect(causes([error("Error", "something happened")])).toEqual([]);
    expect(causes([logLine(), logLine({ status: 404, level: "WARN" })])).toEqual([]);
    // What proxied visitors meet as well is no bug of native.
    const both = ["native", "proxy", "proxy"];
    expect(causes(both.map((cohort) => error("TypeError", "x", { cohort })))).toEqual([]);
  });
  it("name a bug of native by a stack that only native has", () => {
    const lines = repeat(3, () => errorLine("boom"));
    const [cause] = of(lines).causes;
    expect(cause).toMatchObject({ category: "native_bug", name: "Native Handler Bug", count: 3 });
    expect(cause?.evidence[0]).toContain("all 3 from native on its own routes, none from proxy");
    expect(cause?.evidence[0]).toContain("finalize (worker.js:1:2)");
    expect(causes([...lines, errorLine("boom", { cohort: "proxy" })])).toEqual([]);
    expect(causes(lines.map((line) => ({ ...line, phase: "proxy" })))).toEqual([]);
  });
  it("name the database, not native, where the driver's socket broke", () => {
    const stack =
      "Error: Network connection lost.\n    at async CloudflareSocket._listen (worker.js:1:2)";
    const lines = repeat(3, () =>
      errorLine("Network connection lost.", { context: { error: "Error", stack } }),
    );
    expect(causes(lines)).toEqual(["database"]);
    expect(of(lines).causes[0]?.evidence[0]).toContain("database driver's socket");
  });
  it("name session drift by refused second steps, which are no errors", () => {
    const route = "/api/pixcapture/upload/finalize";
    const lost = logLine({ level: "WARN", status: 404, sample_rate: 1, route });
    expect(causes([lost, lost])).toEqual([]);
    const [cause] = of([lost, lost, lost, logLine({ route })]).causes;
    expect(cause).toMatchObject({ category: "session_drift", count: 0 });
    expect(cause?.evidence[0]).toContain("404 to 3 of about 13");
    expect(causes(repeat(3, () => ({ ...lost, cohort: "proxy" })))).toEqual([]);
  });
  it("name KV propagation by older revisions long after a change, and where", () => {
    const changes = [{ ...CHANGE, revision: "01JCQ0000000000000000000BB" }];
    const late = (seconds: number, given: Line = {}) =>
      logLine({ sample_rate: 1, ...given }, CHANGE.atMs + seconds * 1_000);
    expect(
      causes(
        repeat(5, () => late(64)),
        { changes },
      ),
    ).toEqual([]);
    const fresh = { revision: "01JCQ0000000000000000000CC" };
    expect(
      causes(
        repeat(5, () => late(90, fresh)),
        { changes },
      ),
    ).toEqual([]);
    expect(
      causes(
        repeat(5, () => late(90, { revision: "by hand" })),
        { changes },
      ),
    ).toEqual([]);
    const { causes: found } = of([...repeat(3, () => late(68)), late(68, { colo: "IAD" })], {
      changes,
    });
    expect(found).toMatchObject([{ category: "kv_propagation", count: 0 }]);
    expect(found[0]?.evidence[0]).toContain("(FRA 3, IAD 1)");
  });
});
