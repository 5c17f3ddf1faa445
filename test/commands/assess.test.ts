/** What `assess` prints: 80 columns, each reason once, nothing that is not so, nothing unsafe. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exitCodeOf } from "../../src/cli/exit.ts";
import { reportText } from "../../src/cli/report.ts";
import type { AssessData } from "../../src/commands/assess.ts";
import { assess } from "../../src/commands/assess.ts";
import type { Outcome } from "../../src/commands/command.ts";
import type { Observations } from "../../src/domain/policy/observations.ts";
import { widthOf } from "../../src/domain/text/width.ts";
import type { Metrics } from "../../src/ports/api.ts";
import { UpstreamError } from "../../src/ports/errors.ts";
import type { Ports } from "../../src/ports/ports.ts";
import type { Change } from "../domain/policy/world.ts";
import { minutes, seen } from "../domain/policy/world.ts";
import { hostileText } from "../support/hostile-text.ts";
import { metricsOf } from "../support/metric-answers.ts";
import { GIVEN } from "../support/ports-of.ts";
import { NOW_MS, PLAIN, PORTS, sightingOf, TARGET, VirtualClock } from "./watch/world.ts";

function world(observations: Observations, more: Partial<Ports> = {}): Ports {
  const config = { canary_percent: 10, canary_tag: "B2a", emergency_proxy: false };
  const last_updated = new Date(NOW_MS - 900_000).toISOString();
  const read = async () => ({ config: JSON.stringify({ ...config, last_updated }), stop: null });
  return {
    ...PORTS,
    target: { ...TARGET, dataset: "canary_requests" },
    clock: new VirtualClock(),
    store: { ...PORTS.store, read },
    metrics: metricsOf(observations, NOW_MS),
    journal: { ...PORTS.journal, recent: async () => ({ entries: [], warnings: [] }) },
    ...more,
  };
}

const run = (ports: Ports): Promise<Outcome<AssessData>> => assess.run(GIVEN, ports);
const ofTen = (change: Change) => seen(minutes(10, change));
const unseen = (because: string) => {
  const none = { kind: "unseen", because } as const;
  return seen([], { health: none, failures: none, orphans: none });
};

async function said(ports: Ports): Promise<string> {
  const { out, err } = reportText(assess, await run(ports));
  return out + err;
}

/** Without the headline and the command, which are pasted and may be of any length. */
function tableOf(text: string): string[] {
  return text.split("\n").filter((line) => !/^(?:[✖!] assess|✔ pass:|→| {2}now)/.test(line));
}

describe("the table", () => {
  it("holds value, limit, window and sample of each row, and why it does not pass", async () => {
    const text = await said(world(ofTen({ native: { errors: 40, p90: 400 } })));
    const lines = text.split("\n").slice(1);
    expect(lines.slice(0, 6)).toEqual([
      "  verdict      finding                  value / limit    window, UTC    sample",
      "✖ fail         error rate, critical     4 / 3 %          02:10–02:13     3,000",
      "               over 3 % in each of 3 min",
      "✖ fail         error rate, warning      4 / 1.5 %        02:08–02:13     5,000",
      "               over 1.5 % in each of 5 min; caused by: error rate, critical",
      "✖ fail         p90 over proxy, critical 100 / 50 %       02:10–02:13     3,000",
    ]);
    expect(text).toContain(
      "               over 50 % in each of 3 min; 400 ms native, 200 ms proxy\n",
    );
    expect(text).toMatch(
      /→ next: pixcanary not-aus --env production --reason 'error rate, critical 4 %: over 3 % in each of 3 min'$/,
    );
  });

  it("says a reason once, and no guess where the metrics told why", async () => {
    const text = await said(world(unseen("HTTP 503: internal error")));
    expect(text.match(/^ +HTTP 503: internal error$/gm)).toHaveLength(1);
    expect(text).not.toContain("are there visitors?");
    expect(text).toContain("native's health is unknown; nothing was changed");
    const target = { ...TARGET, dataset: null };
    const ask = async () => {
      throw new UpstreamError("not-found", 'no "dataset" in pixcanary.json');
    };
    const without = world(seen([]), { target, metrics: { ask } });
    expect(await said(without)).not.toContain("are there visitors?");
    expect(exitCodeOf(await run(without))).toBe(20);
  });

  it("says of what is stored and not live what each /qa shows", async () => {
    const hint = async (text: string, emergency: boolean): Promise<string> => {
      const store = { ...PORTS.store, read: async () => ({ config: text, stop: null }) };
      const look = async () => sightingOf(PLAIN, 100, emergency);
      const told = await said(
        world(ofTen({ native: { requests: 0 } }), { store, qa: { urls: ["https://a/qa"], look } }),
      );
      expect(told).not.toContain("all traffic is on proxy");
      return told.replaceAll(/\s+/g, " ");
    };
    expect(await hint("{ten percent", false)).toContain(
      "config is missing or unreadable; /qa shows 100 % at FRA",
    );
    const emergency = '{"emergency_proxy": true,';
    const stored = "an emergency is stored: where it is live, native has no visitors";
    expect(await hint(emergency, false)).toContain(`${stored}; /qa shows 100 % at FRA`);
    expect(await hint(emergency, true)).toContain(`${stored}; /qa shows emergency at FRA`);
  });

  it("does not call an hour without uploads, or a row below its sample, a pass", async () => {
    const none = { kind: "seen", value: { intents: 0, finalized: 0, requests: 0 } } as const;
    const outcome = await run(world(seen([], { orphans: none })));
    expect(exitCodeOf(outcome)).toBe(0);
    expect(reportText(assess, outcome).out).toMatch(
      /^✔ pass: no finding fails, no data for 1 of 10\n/,
    );
    const few = world(ofTen({ native: { requests: 18, errors: 0 } }));
    expect(exitCodeOf(await run(few))).toBe(20);
    expect(await said(few)).toMatch(
      /^✖ assess: no data on native's latency: 180 native requests in 10 min, needs 200\n/,
    );
  });

  it("keeps to 80 columns, and no text of the API reaches the terminal as it is (AT-23)", async () => {
    const unsafe = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;
    const hold = async (observations: Observations): Promise<void> => {
      const lines = tableOf(await said(world(observations)));
      expect(lines.filter((line) => widthOf(line) > 80 || unsafe.test(line))).toEqual([]);
    };
    for (const native of [{ errors: 999, p90: 60_000 }, { requests: 0 }, { requests: 1e6 }])
      await hold(ofTen({ native, r2: 99_999, proxy: { errors: 9_000 } }));
    await fc.assert(
      fc.asyncProperty(hostileText(60), (because) => hold(unseen(because))),
      { numRuns: 50 },
    );
  });
});

describe("metrics that do not answer", () => {
  it("are waited for until the limit, and that is what is said", async () => {
    const clock = new VirtualClock();
    const ask: Metrics["ask"] = (_question, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("cancelled")), { once: true });
      });
    const outcome = await clock.play(run(world(seen([]), { clock, metrics: { ask } })));
    expect(exitCodeOf(outcome)).toBe(24);
    expect(outcome).toMatchObject({ message: "no answer within 8 s" });
  });
});
