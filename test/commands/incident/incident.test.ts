/** Opening, noting, closing, listing and telling of incidents. */
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createReportFolders } from "../../../src/adapters/report-folder.ts";
import { exitCodeOf } from "../../../src/cli/exit.ts";
import { reportText } from "../../../src/cli/report.ts";
import type { ChangingVerb } from "../../../src/commands/command.ts";
import { incidentClose } from "../../../src/commands/incident/close.ts";
import { incidentList } from "../../../src/commands/incident/list.ts";
import { incidentMessage } from "../../../src/commands/incident/message.ts";
import { incidentNote } from "../../../src/commands/incident/note.ts";
import { incidentOpen } from "../../../src/commands/incident/open.ts";
import { disable } from "../../../src/commands/lower/disable.ts";
import { reduce } from "../../../src/commands/lower/reduce.ts";
import { pullTheStop } from "../../../src/commands/not-aus/not-aus.ts";
import { restore } from "../../../src/commands/restore/restore.ts";
import type { Notice } from "../../../src/domain/notices/notice.ts";
import { LocalError } from "../../../src/ports/errors.ts";
import type { Notifier } from "../../../src/ports/machine.ts";
import { COMMON, NOW_MS, perform, type World, world } from "./world.ts";

const verb = (one: unknown) => one as ChangingVerb;
const OPEN = { title: ["uploads", "fail"], severity: "critical", at: undefined };
const CLOSE = { at: undefined, logs: undefined, out: undefined };
const FILE = "docs/INCIDENTS/2025-11-13_b2a_incident.md";

const open = (at: World, more: object = {}) =>
  perform(verb(incidentOpen), { ...OPEN, ...more }, at.ports);
const note = (at: World, text: string, more: object = {}) =>
  perform(verb(incidentNote), { text: [text], at: undefined, ...more }, at.ports);
const close = (at: World, more: object = {}) =>
  perform(verb(incidentClose), { ...CLOSE, ...more }, at.ports);
const idOf = ({ journal }: World): string => journal[0]?.incident ?? "";

describe("open", () => {
  test("is an entry of the journal that changes no state", async () => {
    const at = world();
    const outcome = await open(at, { at: { agoMs: 60_000 } });
    expect(outcome).toMatchObject({ kind: "done", changed: true });
    expect(at.journal).toMatchObject([
      {
        command: "incident",
        incident: expect.stringMatching(/^INC-[0-9A-Z]{10}$/),
        after: { percent: null, emergency: null, revision: null },
        notes: ["opened: uploads fail"],
        event: { kind: "opened", severity: "critical", text: "uploads fail" },
      },
    ]);
    expect(Date.parse(at.journal[0]?.event?.when ?? "")).toBeLessThan(NOW_MS);
  });

  test("opens no second one, and none with the id of one that was", async () => {
    const at = world();
    await open(at, { incident: "OPS-1" });
    const second = await open(at);
    expect([exitCodeOf(second), second]).toMatchObject([
      25,
      { message: "incident OPS-1 is open already" },
    ]);
    await close(at);
    expect(await open(at, { incident: "OPS-1" })).toMatchObject({ code: "conflict" });
    expect(await open(at, { incident: "OPS-2" })).toMatchObject({ kind: "done" });
  });

  test.each([
    [{ at: { atMs: NOW_MS + 3_600_000 } }, "--at is in the future"],
    [{ incident: "x --> y" }, "--incident must be"],
    [{ title: [" "] }, "the title is empty"],
  ])("refuses %j", async (more, message) => {
    const at = world();
    const outcome = await open(at, more);
    expect([exitCodeOf(outcome), outcome]).toMatchObject([
      2,
      { message: expect.stringContaining(message) },
    ]);
    expect(at.journal).toEqual([]);
  });

  test("keeps no secret of its title, and no line break", async () => {
    const at = world({ redact: (text) => text.replaceAll("s3cret", "***") });
    await open(at, { title: ["token s3cret\n✔ not-aus: done"] });
    expect(at.journal[0]?.event?.text).toBe("token *** ✔ not-aus: done");
  });
});

describe("a change while an incident is open", () => {
  test("is tied to it, without --incident; another one can be named, or none", async () => {
    const at = world();
    await open(at);
    await pullTheStop({ ...COMMON, reason: "5xx" }, at.ports);
    await pullTheStop({ ...COMMON, incident: "OPS-9" }, at.ports);
    await pullTheStop({ ...COMMON, incident: "" }, at.ports);
    const tied = at.journal.filter(({ command }) => command === "not-aus");
    expect(tied.map(({ incident }) => incident)).toEqual([idOf(at), "OPS-9", null]);
    expect(at.notes).toEqual([`journaled for the open incident ${idOf(at)}`]);
  });

  test.each([
    ["reduce", verb(reduce), { to: undefined }],
    ["disable", verb(disable), {}],
    ["restore", verb(restore), { to: 20, force: true, reason: "fixed" }],
  ] as const)("is tied to it: %s", async (command, changing, own) => {
    const at = world();
    await open(at);
    expect(await perform(changing, own, at.ports)).toMatchObject({ kind: "done" });
    expect(at.journal.at(-1)).toMatchObject({ command, incident: idOf(at) });
  });

  test("is tied to none after it was closed", async () => {
    const at = world();
    await open(at);
    await close(at);
    await perform(verb(reduce), { to: undefined }, at.ports);
    expect(at.journal.at(-1)).toMatchObject({ command: "reduce", incident: null });
  });

  test("is written before anything of the incident is looked for", async () => {
    const at = world();
    const order: string[] = [];
    const { store, journal } = at.ports;
    const ports = {
      ...at.ports,
      store: {
        ...store,
        writeStop: (...given: Parameters<typeof store.writeStop>) => {
          order.push("stop");
          return store.writeStop(...given);
        },
      },
      journal: {
        ...journal,
        openIncident: () => {
          order.push("incident");
          return journal.openIncident();
        },
      },
    };
    await pullTheStop(COMMON, ports);
    expect(order[0]).toBe("stop");
    expect(order).toContain("incident");
  });

  test("leaves what was sent about it, on this machine", async () => {
    const report = async () => [
      { channel: "slack", problem: null, fix: null, again: false },
      { channel: "pagerduty", problem: "HTTP 500", fix: null, again: true },
      { channel: "webhook", problem: null, fix: null, again: false, skipped: true as const },
    ];
    const notifier: Notifier = {
      channels: ["slack", "pagerduty", "webhook"],
      unready: async () => [],
      report,
      notify: async () => [],
    };
    const at = world({ notifier });
    await open(at);
    await pullTheStop(COMMON, at.ports);
    expect(at.journal.at(-1)?.event).toMatchObject({
      kind: "notified",
      text: "not-aus: notification through slack",
    });
  });
});

describe("note", () => {
  test("goes to the open incident, or to the one that is named", async () => {
    const at = world();
    await open(at, { incident: "OPS-1" });
    await note(at, "pool exhausted");
    await close(at);
    const late = await note(at, "found later");
    expect([exitCodeOf(late), late]).toMatchObject([
      2,
      { message: expect.stringContaining("OPS-1, is closed") },
    ]);
    await note(at, "found later", { incident: "OPS-1" });
    const texts = at.journal.flatMap(({ event }) => (event?.kind === "noted" ? [event.text] : []));
    expect(texts).toEqual(["pool exhausted", "found later"]);
  });

  test("without any incident says how to open one", async () => {
    const outcome = await note(world(), "x");
    expect(outcome).toMatchObject({
      code: "usage",
      next: expect.stringContaining("incident open"),
    });
  });
});

describe("close", () => {
  test("writes the report, then closes; again, it only renews the report", async () => {
    const at = world();
    await open(at);
    const outcome = await close(at);
    expect(outcome).toMatchObject({
      kind: "done",
      data: { file: FILE, existed: false, blanks: 9 },
    });
    expect(at.journal.at(-1)?.event?.kind).toBe("closed");
    const before = at.files.get(FILE);
    const entries = at.journal.length;
    const text = reportText(incidentClose, await close(at)).out;
    expect(text).toContain("was closed before; report unchanged");
    expect([at.files.get(FILE), at.journal.length]).toEqual([before, entries]);
  });

  test("ends one that was opened by a clock two hours ahead, for everybody", async () => {
    const at = world();
    const early = { ...at.ports.clock, now: () => NOW_MS + 7_200_000 };
    await perform(verb(incidentOpen), OPEN, { ...at.ports, clock: early });
    expect(await close(at)).toMatchObject({ kind: "done", changed: true });
    // As the journal is read: by time.
    at.journal.sort((a, b) => a.at.localeCompare(b.at));
    expect(at.journal.map(({ event }) => event?.kind)).toEqual(["closed", "opened"]);
    expect(await at.ports.journal.openIncident()).toBeNull();
    expect(await close(at)).toMatchObject({ kind: "done", changed: false });
    expect(await open(at, { incident: "OPS-2" })).toMatchObject({ kind: "done" });
  });

  test("says what is not known and that the emergency is still on", async () => {
    const at = world();
    await open(at);
    await pullTheStop(COMMON, at.ports);
    const text = reportText(incidentClose, await close(at)).out;
    expect(text).toContain("? not known: impact: no network");
    expect(text).toContain("? not known: errors: no logs were named (--logs)");
    expect(at.warnings).toContain("by the journal the emergency is still on");
  });

  test("leaves it open when the report cannot be written", async () => {
    const full = () => Promise.reject(new LocalError("cannot write a.md: the disk is full"));
    const reports = {
      at: (path: string) => ({ path, names: async () => [], read: async () => null, write: full }),
    };
    const at = world({ reports });
    await open(at);
    const outcome = await close(at);
    expect([exitCodeOf(outcome), outcome]).toMatchObject([
      2,
      {
        message: "cannot write a.md: the disk is full",
        truth: expect.stringContaining("is still open"),
      },
    ]);
    expect(at.journal.map(({ event }) => event?.kind)).toEqual(["opened"]);
  });

  test("takes a usual folder that others can write only when it is named", async () => {
    const cwd = await mkdtemp(join(tmpdir(), "pixcanary-incident-"));
    try {
      await mkdir(join(cwd, "docs"));
      await chmod(join(cwd, "docs"), 0o777);
      const at = world({ reports: createReportFolders(cwd) });
      await open(at);
      const refused = await close(at);
      expect([exitCodeOf(refused), refused]).toMatchObject([
        2,
        { message: expect.stringMatching(/others can write to .*: name the folder with --out/) },
      ]);
      expect(at.journal.map(({ event }) => event?.kind)).toEqual(["opened"]);
      expect(await close(at, { out: "docs/INCIDENTS" })).toMatchObject({ kind: "done" });
    } finally {
      await rm(cwd, { recursive: true, force: true });
    }
  });

  test("after Ctrl-C writes nothing and closes nothing", async () => {
    const interrupt = new AbortController();
    const at = world({ interrupt: interrupt.signal });
    await open(at);
    interrupt.abort("SIGINT");
    expect(await close(at)).toMatchObject({ kind: "interrupted" });
    expect([at.files.size, at.journal.length]).toEqual([0, 1]);
  });

  test("leaves the report of another incident, and one of unknown origin, alone", async () => {
    const at = world();
    at.files.set(FILE, "# By hand\n");
    await open(at, { incident: "A-1" });
    expect(await close(at)).toMatchObject({ data: { file: FILE.replace(".md", "_2.md") } });
    await open(at, { incident: "A-2" });
    expect(await close(at)).toMatchObject({ data: { file: FILE.replace(".md", "_3.md") } });
    expect(at.files.get(FILE)).toBe("# By hand\n");
  });

  test("leaves a chart that is not this incident's", async () => {
    const at = world();
    const chart = FILE.replace(".md", "_share.svg");
    at.files.set(chart, "<svg>theirs</svg>");
    await open(at);
    await pullTheStop(COMMON, at.ports);
    await close(at);
    expect(at.files.get(chart)).toBe("<svg>theirs</svg>");
    expect(at.files.get(FILE)).toContain("is not of this incident and was left as it is");
  });

  test("keeps secrets of the logs out of the report", async () => {
    const line = JSON.stringify({
      ...{ timestamp: new Date(NOW_MS - 1_000).toISOString(), level: "ERROR", rayID: "8f00" },
      ...{ cohort: "native", route: "/api/jobs", status: 500, error_msg: "bad token s3cret_key" },
    });
    const reader = {
      find: async () => ({
        sources: [{ name: "a.log", bytes: 1, open: () => Promise.reject(new Error("unused")) }],
        warnings: [],
        empty: [],
        window: null,
      }),
      async read(_: unknown, taker: { record(text: string): boolean }) {
        taker.record(line);
        const counts = { files: 1, bytes: 1, expanded_bytes: 1, problem_count: 0 };
        return { ...counts, problems: [], partial: false };
      },
    };
    const base = world();
    const at = world({
      redact: (text) => text.replaceAll("s3cret_key", "***"),
      logs: { ...base.ports.logs, reader },
    });
    await open(at, { at: { agoMs: 60_000 } });
    await close(at, { logs: "pulled" });
    const text = at.files.get(FILE) ?? "";
    expect(text).toContain("| 1 (100 %) | bad token \\*\\*\\* | native 1 | /api/jobs 1 |");
    expect(text).not.toMatch(/s3cret/);
  });

  test.each([
    ["of its time", 120_000, true],
    ["of last week", 7 * 86_400_000, false],
  ])("what the guardian has sent %s and is open", async (_when, agoMs, isIn) => {
    const since = new Date(NOW_MS - agoMs).toISOString();
    const told = JSON.stringify({ schema: 1, level: "not-aus", since, sent: since });
    const guardian = {
      schema: 1,
      mode: "observe",
      last_tick: since,
      latched: null,
      verdict: "fail",
    };
    const get = async (key: string) =>
      key === "guardian" ? JSON.stringify({ ...guardian, told }) : null;
    const at = world({ documents: { get, put: async () => undefined } });
    await open(at);
    await close(at);
    const line = "guardian: notification sent, it recommends not-aus";
    expect(at.files.get(FILE)?.includes(line)).toBe(isIn);
  });

  test("refuses an end before the beginning", async () => {
    const at = world();
    await open(at);
    const outcome = await close(at, { at: { agoMs: 3_600_000 } });
    expect(outcome).toMatchObject({
      code: "usage",
      message: expect.stringContaining("before it began"),
    });
  });
});

test("list shows what is open and what is closed, and no line can be forged", async () => {
  const at = world();
  await open(at, { incident: "A-1" });
  await close(at);
  await open(at, { incident: "A-2", title: ["\u001b[2J slow"] });
  const outcome = await incidentList.run(COMMON as never, at.ports);
  const { out } = reportText(incidentList, outcome);
  expect(out).toMatch(/A-1 {2}closed \(critical\) {2}uploads fail .*\n.*A-2 {2}open \(critical\)/);
  expect(out).not.toContain("\u001b");
});

describe("message", () => {
  const run = (at: World, more: object = {}) =>
    incidentMessage.run(
      { ...COMMON, kind: "slack", next: undefined, send: false, ...more } as never,
      at.ports,
    );

  test("is printed as it is, with nothing around it to be cut off", async () => {
    const at = world();
    await open(at);
    const { out } = reportText(incidentMessage, await run(at));
    expect(out).toMatch(/^🚨 B2a Incident INC-\S+ - uploads fail\nStatus: ONGOING/);
  });

  test("holds no control character of a title", async () => {
    const at = world();
    await open(at, { title: ["\u001b[2J\u202eslow"] });
    const { out } = reportText(incidentMessage, await run(at));
    expect(out.split("\n")[0]).toContain("\\x1b[2J\\u202eslow");
    expect(out).not.toMatch(/(?!\n)\p{Cc}|\p{Cf}/u);
  });

  test("sent through Slack is in the incident's timeline", async () => {
    const notices: Notice[] = [];
    const notifier: Notifier = {
      channels: ["pagerduty", "slack"],
      unready: async () => [],
      report: async (notice, { channels }) => {
        notices.push(notice);
        expect(channels).toEqual(["slack"]);
        return [{ channel: "slack", problem: null, fix: null, again: false }];
      },
      notify: async () => [],
    };
    const at = world({ notifier });
    await open(at);
    expect(await run(at, { send: true })).toMatchObject({ data: { sent: "slack" } });
    expect(notices[0]?.title).toMatch(/^🚨 B2a Incident INC-/);
    expect(at.journal.at(-1)?.event?.text).toBe("message slack sent through slack");
  });

  test.each([
    ["slack", "notify.slack is not set in pixcanary.json"],
    ["status-page", "there is no channel for the status page"],
  ])("%s cannot be sent where there is no channel", async (kind, message) => {
    const at = world();
    await open(at);
    const outcome = await run(at, { kind, send: true });
    expect([exitCodeOf(outcome), outcome]).toMatchObject([
      2,
      { message: expect.stringContaining(message) },
    ]);
  });

  test("that was not taken is a failure, and is not in the timeline", async () => {
    const problem = {
      channel: "slack",
      problem: "HTTP 404",
      fix: "create a new one",
      again: false,
    };
    const notifier: Notifier = {
      channels: ["slack"],
      unready: async () => [],
      report: async () => [problem],
      notify: async () => [],
    };
    const at = world({ notifier });
    await open(at);
    const outcome = await run(at, { send: true });
    expect([exitCodeOf(outcome), outcome]).toMatchObject([24, { message: "slack: HTTP 404" }]);
    expect(at.journal).toHaveLength(1);
  });
});
