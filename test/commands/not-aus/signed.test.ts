/** A stop beside a signed one, on fake ports: who is waited for, and what is said. */
import { expect, it } from "vitest";
import { reportText } from "../../../src/cli/report.ts";
import type { CommonInput } from "../../../src/commands/command.ts";
import { notAus, pullTheStop } from "../../../src/commands/not-aus/not-aus.ts";
import { LocalError, UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import type { SentStop, StopSender } from "../../../src/ports/signed-stop.ts";
import { PORTS } from "../watch/world.ts";

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

const kv: SentStop = { kind: "written", carriers: ["kv"] };

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
