/** A stop beside a signed one, on fake ports: who is waited for, and what is said. */
import { expect, it } from "vitest";
import { reportText } from "../../../src/cli/report.ts";
import type { CommonInput } from "../../../src/commands/command.ts";
import { sendSigned } from "../../../src/commands/lib/signed.ts";
import { notAus, pullTheStop } from "../../../src/commands/not-aus/not-aus.ts";
import { LocalError, UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import type { SentStop, StopSender } from "../../../src/ports/signed-stop.ts";
import { PLAIN, PORTS, sightingOf } from "../watch/world.ts";

const INPUT: CommonInput = {
  reason: "5xx",
  incident: undefined,
  force: false,
  verify: false,
  timeoutMs: 10_000,
};
type Send = StopSender["send"];
const URLS = ["https://a.invalid/qa", "https://b.invalid/qa"];
const down = () => Promise.reject(new UpstreamError("unavailable", "connection refused"));
const hung = () => new Promise<never>(() => undefined);

function portsOf(send: Send | null, { apiDead = false } = {}) {
  const stops: unknown[] = [];
  const store: Ports["store"] = {
    read: apiDead
      ? down
      : async ({ configAlone }) => ({
          config: null,
          stop: configAlone ? null : JSON.stringify(stops.at(-1)),
        }),
    writeStop: apiDead ? down : async (stop) => void stops.push(stop),
    writeConfig: apiDead ? down : async () => undefined,
  };
  const stopSender = send === null ? null : { operator: "anna", publicKey: async () => "", send };
  // What is waited for only so long is not waited for at all.
  const timeout = (ms: number) => (ms <= 1_000 ? AbortSignal.abort() : PORTS.clock.timeout(ms));
  const ports: Ports = {
    ...PORTS,
    store,
    stopSender,
    qa: { ...PORTS.qa, urls: URLS, look: hung },
    clock: { ...PORTS.clock, timeout },
  };
  return { ports, stops };
}

const kv: SentStop = { kind: "written", carriers: ["kv"], lacking: [] };
const STOP = { active: true, id: "STOP", at: "2026-03-01T12:00:00.000Z" };
const SENDING = { signal: new AbortController().signal, elapsed: () => 0 };

it("goes to every /qa with the stop's own id and time", async () => {
  const sent: [unknown, string][] = [];
  const { ports, stops } = portsOf(async (stop, url) => {
    sent.push([stop, url]);
    return kv;
  });
  await pullTheStop(INPUT, ports);
  const [stop] = stops as { id: string; at: string; by: string }[];
  expect(stop?.by).toBe(PORTS.identity.actor);
  const same = { id: stop?.id, at: stop?.at, reason: "5xx" };
  expect(sent).toEqual(URLS.map((url) => [same, url]));
});

it("spares the other /qa where the first has brought it to all carriers at once", async () => {
  const sent: string[] = [];
  const { ports } = portsOf(async (_stop, url) => {
    sent.push(url);
    return kv;
  });
  // The head start is long enough.
  const sleep = () => new Promise<never>(() => undefined);
  await sendSigned({ ...ports, clock: { ...ports.clock, sleep } }, STOP, SENDING).all;
  expect(sent).toEqual(URLS.slice(0, 1));
});

it.each([
  ["fails", down],
  ["lacks a carrier", async (): Promise<SentStop> => ({ ...kv, lacking: ["beacon"] })],
])("goes to the other /qa at once where the first %s", async (_name, ahead) => {
  const { ports } = portsOf((_stop, url) =>
    url === URLS[0]
      ? ahead()
      : Promise.resolve({ kind: "written", carriers: ["beacon"], lacking: [] }),
  );
  const sleep = () => new Promise<never>(() => undefined);
  const sending = sendSigned({ ...ports, clock: { ...ports.clock, sleep } }, STOP, SENDING);
  expect(await sending.all).toMatchObject({
    kind: "written",
    carriers: expect.arrayContaining(["beacon"]),
    lacking: [],
  });
});

it("goes to the other /qa where the first does not answer in time", async () => {
  const { ports } = portsOf((_stop, url) => (url === URLS[0] ? hung() : Promise.resolve(kv)));
  expect(await sendSigned(ports, STOP, SENDING).first).toMatchObject({ kind: "written" });
});

it("without the API, a key file that others can read is what to repair first", async () => {
  const exposed = new LocalError("can be read by others", { fix: "chmod 600 key" });
  const { ports } = portsOf(() => Promise.reject(exposed), { apiDead: true });
  const outcome = await pullTheStop(INPUT, ports);
  expect(outcome).toMatchObject({
    kind: "failed",
    next: expect.stringMatching(/^chmod 600 key && pixcanary not-aus /),
    data: { ladder: [] },
  });
  // Neither the dashboard nor another rung works without the API.
  expect(reportText(notAus, outcome).err).not.toMatch(/dash\.cloudflare|--via/);
});

it("says that KV alone brings it where the beacon did not take it, and names the next rung", async () => {
  const { ports } = portsOf(async () => ({ ...kv, lacking: ["beacon"] }));
  const outcome = await pullTheStop(INPUT, ports);
  expect(outcome.kind).toBe("done");
  const { out } = reportText(notAus, outcome);
  expect(out).toContain("! the beacon has not taken the stop: there the stop arrives by KV alone");
  expect(out).toContain("--via version");
  expect(out).not.toContain("within seconds by the beacon");
});

it("a Worker that never answers keeps no stop back that the API has taken", async () => {
  const { ports } = portsOf(hung);
  const outcome = await pullTheStop(INPUT, ports);
  expect(outcome).toMatchObject({ kind: "done", data: { written: { worker_ms: null } } });
});

it("one Worker that takes it is enough", async () => {
  const { ports } = portsOf((_stop, url) => (url === URLS[0] ? down() : Promise.resolve(kv)), {
    apiDead: true,
  });
  const outcome = await pullTheStop(INPUT, ports);
  expect(outcome).toMatchObject({
    kind: "pending",
    waitingFor: expect.stringContaining("the stop is written"),
    data: {
      written: { stop_ms: null, carriers: ["kv"] },
      api_problem: "the API did not take the stop (connection refused)",
    },
  });
});

it("without an operator key nothing is said of it", async () => {
  const { ports } = portsOf(null);
  const outcome = await pullTheStop(INPUT, ports);
  expect(Object.keys(("data" in outcome && outcome.data?.written) || {})).toEqual([
    "stop_ms",
    "config_ms",
  ]);
  expect(reportText(notAus, outcome).out).not.toContain("worker");
});

it.each([
  ["a key that cannot be used", () => Promise.reject(new LocalError("key is not there")), "failed"],
  ["a refusal", () => Promise.reject(new UpstreamError("auth", "HTTP 401")), "failed"],
  ["a lost answer", () => Promise.reject(new UpstreamError("ambiguous", "reset")), "pending"],
])("without the API, %s: %s is what is known", async (_name, send, kind) => {
  const { ports } = portsOf(send, { apiDead: true });
  const outcome = await pullTheStop(INPUT, ports);
  expect(outcome.kind).toBe(kind);
  if (kind !== "failed") return;
  expect(outcome).toMatchObject({
    code: "upstream",
    message: expect.stringMatching(/could not be written: connection refused; the Worker: /),
  });
});

it("a stop that was released meanwhile is not in force", async () => {
  const { ports } = portsOf(async () => ({ kind: "released" }), { apiDead: true });
  expect(await pullTheStop(INPUT, ports)).toMatchObject({
    kind: "failed",
    code: "conflict",
    truth: "the stop is not in force",
  });
});

it("writes its entry of the journal when the Worker has written its own, which says less", async () => {
  const entries: string[] = [];
  const { promise: answer, resolve } = Promise.withResolvers<SentStop>();
  const { ports, stops } = portsOf(() => answer);
  const shown = async () => {
    const { id: revision = "" } = (stops[0] ?? {}) as { id?: string };
    return sightingOf({ ...PLAIN, revision }, 0, true);
  };
  // Its own short wait for the Worker is over at once, the one for all of them lasts.
  const timeout = (ms: number) => (ms < 1_000 ? AbortSignal.abort() : new AbortController().signal);
  const pulled = pullTheStop(
    { ...INPUT, verify: true },
    {
      ...ports,
      qa: { ...ports.qa, look: shown },
      clock: { ...ports.clock, timeout },
      journal: {
        ...ports.journal,
        append: async ({ verification }) => {
          entries.push(verification.outcome);
          return [];
        },
      },
    },
  );
  for (let turns = 0; turns < 200; turns += 1) await new Promise((next) => setImmediate(next));
  expect(entries).toEqual([]);
  resolve(kv);
  expect((await pulled).kind).toBe("done");
  expect(entries).toEqual(["live"]);
});
