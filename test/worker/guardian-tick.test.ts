/**
 * The cron's entry of the real Worker, on a clock that stands still, a KV of pages, and metrics and a pager that
 * answer on loopback.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { parseCap } from "../../src/domain/guardian/cap.ts";
import { parseGuardian } from "../../src/domain/guardian/document.ts";
import { tickId } from "../../src/domain/guardian/tick-id.ts";
import { parseRamp } from "../../src/domain/ramp/document.ts";
import { parseStop } from "../../src/domain/state/documents.ts";
import { parseJournalEntry } from "../../src/domain/state/journal.ts";
import { parseState } from "../../src/domain/state/state.ts";
import worker from "../../worker/handler.ts";
import { json, startServer, type TestServer } from "../adapters/server.ts";
import { rampOf } from "../domain/ramp/world.ts";

const START_MS = Date.parse("2026-01-10T12:00:00Z");
const MINUTE_MS = 60_000;
const PAGE = 1_000;
const CONFIG = {
  canary_percent: 20,
  canary_tag: "B2a",
  emergency_proxy: false,
  last_updated: "2026-01-10T09:00:00Z",
  revision: "01JCQ000000000000000000001",
  updated_by: "ada",
};

let server: TestServer;
let kv: Map<string, string>;
let puts: string[];
/** Percent of native's requests that fail in the minute that begins then. */
let failing: (startMs: number) => number;
/** When the metrics answer; null: at once. */
let answersAtMs: number | null;
/** What the beacon holds when it is read; null: it cannot be; absent: there is none. */
let atBeacon: (() => string[]) | null | undefined;
/** As KV pages its lists; false is the broken twin that takes the first page for all. */
let paged: boolean;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: START_MS });
  kv = new Map([["config", JSON.stringify(CONFIG)]]);
  puts = [];
  failing = () => 0;
  answersAtMs = null;
  atBeacon = undefined;
  paged = true;
  server.reply((res, seen) => {
    if (seen.url === "/hook") return json(200, {})(res, seen);
    if (answersAtMs !== null) vi.setSystemTime(answersAtMs);
    json(200, { data: seen.body.includes(" AS cohort") ? healthRows() : [] })(res, seen);
  });
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  // It has known for long how things are.
  await tickOnTime(START_MS - 30 * MINUTE_MS);
  vi.setSystemTime(START_MS);
  puts = [];
  failing = () => 50;
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function healthRows(): object[] {
  const nowMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  return Array.from({ length: 60 }, (_, index) => nowMs - index * MINUTE_MS).flatMap((startMs) =>
    (["native", "proxy"] as const).map((cohort) => {
      const errors = cohort === "native" ? failing(startMs) * 10 : 0;
      const requests = { requests: 1_000, observations: 1_000 };
      const latency = { p50: 10, p90: 20, p95: 25, p99: 30 };
      return {
        bucket: startMs / 1_000,
        cohort,
        ...requests,
        errors,
        errorObservations: errors,
        ...latency,
      };
    }),
  );
}

const NAMESPACE = {
  async get(keys: string[]) {
    return new Map(keys.map((key) => [key, kv.get(key) ?? null]));
  },
  async put(key: string, text: string) {
    puts.push(key);
    kv.set(key, text);
  },
  async delete(key: string) {
    kv.delete(key);
  },
  async list({ prefix, cursor = "0" }: { prefix: string; cursor?: string }) {
    const names = [...kv.keys()].filter((key) => key.startsWith(prefix)).toSorted();
    const next = Number(cursor) + PAGE;
    const keys = names.slice(Number(cursor), next).map((name) => ({ name }));
    return { keys, list_complete: !paged || next >= names.length, cursor: String(next) };
  },
};

const BEACON = {
  async fetch() {
    if (atBeacon == null) return new Response(null, { status: 503 });
    const answer = { epoch: 1, seq: 1, stops: atBeacon(), releases: [] };
    return Response.json({ saidAtMs: Date.now(), answer });
  },
};

async function tick(atMs: number, mode = "enforce"): Promise<void> {
  const env = {
    ENVIRONMENT: "production",
    GUARDIAN: mode,
    POLICY: JSON.stringify({ settleSeconds: 0 }),
    ANALYTICS_TOKEN: "token",
    CLOUDFLARE_ACCOUNT_ID: "0".repeat(32),
    ANALYTICS_DATASET: "canary",
    ANALYTICS_API_URL: server.url,
    NOTIFY_WEBHOOK_URL: `${server.url}/hook`,
    NOTIFY_CONTACTS: "On-call: Anna · After 15 min: Ben",
    KV_CANARY_CONFIG: NAMESPACE,
    ...(atBeacon === undefined ? {} : { BEACON: { idFromName: () => "id" } }),
  };
  const context = { waitUntil: () => undefined, exports: { CachedBeacon: BEACON } };
  await worker.scheduled({ scheduledTime: atMs } as never, env as never, context as never);
}

async function tickOnTime(atMs: number, mode?: string): Promise<void> {
  vi.setSystemTime(atMs);
  await tick(atMs, mode);
}

function journalEntry({ emergency = false, ...given }: Record<string, unknown>): string {
  const side = { percent: 20, emergency, revision: null };
  const entry = {
    schema: 1,
    actor: "ada",
    host: "h",
    reason: null,
    incident: null,
    before: side,
    after: side,
    revision: null,
    verification: { outcome: "live", locations: [], elapsed_ms: 0 },
    tool: "pixcanary",
  };
  return JSON.stringify({ ...entry, ...given });
}

const told = (): string =>
  server.seen
    .filter(({ url }) => url === "/hook")
    .map(({ body }) => body)
    .join("\n");
const isStopped = (): boolean => {
  const stop = parseStop(kv.get("stop") ?? null);
  return stop.kind === "valid" && stop.value.active;
};
const guardian = () => parseGuardian(kv.get("guardian") ?? null);

describe("a run of the cron that comes late", () => {
  it("writes nothing and says so, from 90 s on; before that it acts", async () => {
    vi.setSystemTime(START_MS + 90_001);
    await tick(START_MS);
    expect(puts).toEqual([]);
    expect(told()).toContain("was late and did nothing");
    vi.setSystemTime(START_MS + 90_000);
    await tick(START_MS);
    expect(puts).toContain("stop");
  });

  it("writes nothing either when what it asks takes so long", async () => {
    answersAtMs = START_MS + 90_001;
    await tick(START_MS);
    expect(puts).toEqual([]);
    expect(told()).toContain("was late and did nothing");
  });
});

describe("what the guardian has done", () => {
  /** 1,099 entries of other people that morning, then its own. */
  function fillJournal(): void {
    const at = (index: number) => new Date(START_MS - (1_200 - index) * 1_000).toISOString();
    for (let index = 0; index < 1_100; index += 1) {
      const own = index === 1_099;
      const id = own ? tickId(START_MS - 2 * MINUTE_MS, "R") : `E${index}`;
      const actor = own ? "guardian" : "ada";
      const command = own ? "disable" : "logs";
      kv.set(`journal/${at(index)}-${id}`, journalEntry({ id, at: at(index), actor, command }));
    }
  }

  it("it finds in the newest of 1,100 journal entries, on whatever page they are", async () => {
    fillJournal();
    await tickOnTime(START_MS);
    expect(guardian()).toMatchObject({ verdict: "fail", latched: { action: "disable" } });
    expect(isStopped()).toBe(false);
  });

  it("it would not find on the first page alone", async () => {
    fillJournal();
    paged = false;
    await tickOnTime(START_MS);
    expect(isStopped()).toBe(true);
  });
});

describe("a restore within the minute of a stop", () => {
  function restoreByHand(atMs: number): void {
    const through = guardian()?.latched?.id ?? null;
    const at = new Date(atMs).toISOString();
    const release = { active: false, id: "R", at, by: "ada", releases: { id: through } };
    kv.set("stop", JSON.stringify(release));
    kv.set("guardian-arm", JSON.stringify({ schema: 1, at, by: "ada", id: "A", through }));
  }

  it("is not stopped again by what was measured before it, and by what fails after it once", async () => {
    let curedMs = START_MS + 30_000;
    failing = (startMs) => (startMs < curedMs ? 50 : 0);
    await tickOnTime(START_MS);
    expect(isStopped()).toBe(true);
    restoreByHand(curedMs);
    for (let minute = 1; minute <= 6; minute += 1) {
      await tickOnTime(START_MS + minute * MINUTE_MS);
      expect(isStopped()).toBe(false);
    }
    expect(guardian()?.verdict).toBe("pass");
    curedMs = Number.POSITIVE_INFINITY;
    const fromMs = START_MS + 7 * MINUTE_MS;
    failing = (startMs) => (startMs >= fromMs ? 50 : 0);
    for (let minute = 7; minute <= 12; minute += 1) await tickOnTime(START_MS + minute * MINUTE_MS);
    expect(isStopped()).toBe(true);
    restoreByHand(fromMs);
    kv.delete("guardian-arm");
    for (let minute = 13; minute <= 20; minute += 1)
      await tickOnTime(START_MS + minute * MINUTE_MS);
    expect(isStopped()).toBe(false);
  });
});

describe("the notification on native's health", () => {
  /** Of the last run's notices: title and next command. */
  const health = () =>
    server.seen
      .filter(({ url }) => url === "/hook")
      .map(({ body }) => JSON.parse(body))
      .filter(({ key }) => key === "pixcanary:production:health")
      .map(({ title, next }) => ({ title, next }));

  it("after a stop says what was before it, and to prove the stop", async () => {
    const at = new Date(START_MS - 38_000).toISOString();
    kv.set("stop", JSON.stringify({ active: true, id: "S", at, by: "ada", reason: "5xx" }));
    await tickOnTime(START_MS);
    expect(health()).toEqual([
      {
        title: expect.stringMatching(/^before the stop: error rate, critical 50 %/),
        next: "pixcanary verify --fleet --env production",
      },
    ]);
  });

  it("of the run that sets the stop says so as well; without one, to stop", async () => {
    await tickOnTime(START_MS);
    expect(isStopped()).toBe(true);
    expect(health()).toMatchObject([{ next: "pixcanary verify --fleet --env production" }]);
    server.seen.length = 0;
    kv.clear();
    kv.set("config", JSON.stringify({ ...CONFIG, canary_percent: 0 }));
    failing = () => 2;
    await tickOnTime(START_MS + MINUTE_MS);
    // At 0 % there is nothing to reduce.
    expect(health()).toMatchObject([{ next: "pixcanary not-aus --env production" }]);
  });
});

it("what it notifies of names whom to call, until all is well again", async () => {
  const notices = () =>
    server.seen.filter(({ url }) => url === "/hook").map(({ body }) => JSON.parse(body));
  await tickOnTime(START_MS);
  const named = notices().map(({ key, details }) => [key, details.slice(-2)]);
  expect(named).toHaveLength(2);
  for (const [, last] of named) expect(last).toEqual(["On-call: Anna", "After 15 min: Ben"]);
  server.seen.length = 0;
  kv.set("stop", JSON.stringify({ active: false, id: "R" }));
  failing = () => 0;
  await tickOnTime(START_MS + 30 * MINUTE_MS);
  expect(notices().map(({ kind }) => kind)).toContain("resolve");
  expect(JSON.stringify(notices())).not.toContain("Anna");
});

describe("intents that an emergency caught", () => {
  it("are not asked for: they are counted from its release on", async () => {
    const minutes = (ago: number) => new Date(START_MS - ago * MINUTE_MS).toISOString();
    const asked = () =>
      server.seen.map(({ body }) => body).filter((sql) => sql.includes("intents"));
    await tickOnTime(START_MS);
    expect(asked().at(-1)).not.toContain(String((START_MS - 25 * MINUTE_MS) / 1_000));
    for (const [ago, emergency] of [[40, true] as const, [25, false] as const]) {
      const entry = journalEntry({
        at: minutes(ago),
        id: `E${ago}`,
        command: "not-aus",
        emergency,
      });
      kv.set(`journal/${minutes(ago)}-E${ago}`, entry);
    }
    await tickOnTime(START_MS);
    expect(asked().at(-1)).toContain(String((START_MS - 25 * MINUTE_MS) / 1_000));
  });
});

describe("a detached ramp", () => {
  async function notesOf(gates: boolean): Promise<string[][]> {
    failing = () => 0;
    const ramp = rampOf("50:1m,100", {
      mode: "detached",
      gates,
      nowMs: START_MS,
      base: CONFIG,
      minNativeRequests: 0,
    });
    kv.set("ramp", JSON.stringify(ramp));
    for (let minute = 0; minute <= 9; minute += 1) await tickOnTime(START_MS + minute * MINUTE_MS);
    const keys = [...kv.keys()].filter((key) => key.startsWith("journal/")).toSorted();
    return keys.map((key) => parseJournalEntry(kv.get(key) ?? "")?.notes ?? []);
  }

  it("that was forced says so in the journal, at each of its steps", async () => {
    expect(await notesOf(false)).toEqual([
      ["step 1/2 of ramp RAMP", "forced: no gates"],
      ["step 2/2 of ramp RAMP", "forced: no gates"],
      [expect.stringContaining("ramp done")],
    ]);
  });

  async function stepAt(minute: number): Promise<number | undefined> {
    await tickOnTime(START_MS + minute * MINUTE_MS);
    return parseRamp(kv.get("ramp") ?? null)?.step;
  }
  async function heldAtFirst(): Promise<void> {
    failing = () => 0;
    const given = { mode: "detached", gates: false, nowMs: START_MS, base: CONFIG } as const;
    kv.set("ramp", JSON.stringify(rampOf("50:1m,100:1h", given)));
    for (const minute of [0, 1, 2]) await tickOnTime(START_MS + minute * MINUTE_MS);
    expect(parseRamp(kv.get("ramp") ?? null)).toMatchObject({ step: 0, phase: "hold" });
    puts = [];
  }

  const shareInForce = (): number | null => {
    const raw = { config: kv.get("config") ?? null, stop: null };
    const { config } = parseState({ ...raw, rampShare: kv.get("ramp-share") ?? null });
    return config.kind === "valid" ? config.value.canary_percent : null;
  };
  /** What somebody writes by hand, and takes back to the letter when the cron has seen it. */
  async function wordAndBack(word: string, atMinute: number, mode: string): Promise<number | null> {
    kv.set("config", word);
    await tickOnTime(START_MS + atMinute * MINUTE_MS, mode);
    kv.set("config", JSON.stringify(CONFIG));
    await tickOnTime(START_MS + (atMinute + 1) * MINUTE_MS, mode);
    return shareInForce();
  }
  const LOWER = JSON.stringify({ ...CONFIG, canary_percent: 2 });
  const SAVED = JSON.stringify({ ...CONFIG, last_updated: "2026-01-09T09:00:00Z" });

  it.each([
    ["a lower share", LOWER, "enforce"],
    ["a lower share, without a guardian", LOWER, "off"],
    ["an older document from a folder", SAVED, "enforce"],
    ["what nobody can read", "{", "observe"],
  ])("that is done is not raised to again after %s in config", async (_, word, mode) => {
    await notesOf(false);
    await tickOnTime(START_MS + 20 * MINUTE_MS, mode);
    expect(shareInForce()).toBe(100);
    expect(await wordAndBack(word, 21, mode)).toBe(20);
  });

  it("that ends over somebody's word is not raised to again either", async () => {
    await heldAtFirst();
    expect(shareInForce()).toBe(50);
    for (const minute of [3, 4, 5]) {
      kv.set("config", LOWER);
      await tickOnTime(START_MS + minute * MINUTE_MS);
    }
    expect(parseRamp(kv.get("ramp") ?? null)?.state).toBe("conflict");
    kv.set("config", JSON.stringify(CONFIG));
    expect(shareInForce()).toBe(20);
  });

  it("keeps its share over a copy of config from before it", async () => {
    await heldAtFirst();
    const share = kv.get("ramp-share");
    kv.set("ramp", JSON.stringify({ ...JSON.parse(kv.get("ramp") ?? ""), state: "done" }));
    await wordAndBack(SAVED, 3, "enforce");
    expect(kv.get("ramp-share")).toBe(share);
  });

  it.each([
    ["a word to the cron", false, CONFIG.canary_percent],
    ["a word to the cron, to keep it", true, 50],
  ])(
    "that is aborted by %s goes back to its base at once, unless it is kept",
    async (_, keep, is) => {
      await heldAtFirst();
      expect(shareInForce()).toBe(50);
      const at = new Date(START_MS + 2 * MINUTE_MS).toISOString();
      const abort = {
        schema: 1,
        id: "C",
        ramp: "RAMP",
        want: "abort",
        at,
        by: "ben",
        reason: null,
      };
      kv.set("ramp-control", JSON.stringify({ ...abort, keep }));
      await tickOnTime(START_MS + 3 * MINUTE_MS);
      expect(parseRamp(kv.get("ramp") ?? null)).toMatchObject({ state: "aborted" });
      expect(shareInForce()).toBe(is);
    },
  );

  it.each(["enforce", "off"])("that somebody else has ended as aborted, too: %s", async (mode) => {
    await heldAtFirst();
    const ended = { at: "2026-01-10T10:00:00Z", by: "ben", why: "slow" };
    const over = { ...JSON.parse(kv.get("ramp") ?? ""), state: "aborted", ended };
    kv.set("ramp", JSON.stringify(over));
    await tickOnTime(START_MS + 3 * MINUTE_MS, mode);
    expect(shareInForce()).toBe(CONFIG.canary_percent);
  });

  it("is not raised while the beacon cannot be read, and is when it can", async () => {
    await heldAtFirst();
    atBeacon = null;
    expect(await stepAt(3)).toBe(0);
    expect(puts).not.toContain("ramp-share");
    atBeacon = () => [];
    expect(await stepAt(4)).toBe(1);
  });

  it("is not raised over a stop that the beacon took while the metrics were asked", async () => {
    await heldAtFirst();
    const stop = { active: true, id: "STOP", at: new Date(START_MS).toISOString(), by: "ben" };
    const asked = server.seen.length;
    atBeacon = () => (server.seen.length > asked ? [JSON.stringify(stop)] : []);
    await stepAt(3);
    expect(puts).not.toContain("ramp-share");
    expect(parseRamp(kv.get("ramp") ?? null)).toMatchObject({
      state: "conflict",
      ended: { by: "ben" },
    });
  });

  it("that is judged says nothing of it", async () => {
    expect((await notesOf(true))[0]).toEqual(["step 1/2 of ramp RAMP"]);
  });
});

describe("what cannot be read in KV", () => {
  it("holds the guardian back neither now nor later, and is told once and when it is over", async () => {
    failing = () => 0;
    kv.set("guardian-cap", "{");
    kv.set("guardian-arm", "{");
    await tickOnTime(START_MS);
    await tickOnTime(START_MS + MINUTE_MS);
    expect(told().match(/guardian-cap cannot be read/g)).toHaveLength(1);
    expect(told()).toContain("guardian-arm cannot be read");
    expect(parseCap(kv.get("guardian-cap") ?? null)?.percent).toBe(0);
    kv.delete("guardian-cap");
    kv.delete("guardian-arm");
    await tickOnTime(START_MS + 2 * MINUTE_MS);
    expect(told()).toContain("all keys in KV can be read again");
    kv.set("guardian-cap", "{");
    failing = () => 50;
    await tickOnTime(START_MS + 3 * MINUTE_MS);
    expect(isStopped()).toBe(true);
  });

  it("keeps its latch, through a memory of its own that is damaged", async () => {
    await tickOnTime(START_MS);
    const own = guardian()?.latched?.id;
    kv.set("guardian", "{");
    await tickOnTime(START_MS + MINUTE_MS);
    expect(told()).toContain("guardian cannot be read");
    expect(guardian()?.latched?.id).toBe(own);
    // Its other witnesses are gone: it remembers what they knew.
    kv.delete("stop");
    for (const key of kv.keys()) if (key.startsWith("journal/")) kv.delete(key);
    await tickOnTime(START_MS + 2 * MINUTE_MS);
    expect(isStopped()).toBe(false);
  });
});
