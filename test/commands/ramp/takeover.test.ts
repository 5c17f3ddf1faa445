/** A ramp whose process, or whose last word, is lost: it can be ended, taken over, and is not shown as running. */
import { beforeEach, describe, expect, test } from "vitest";
import { rampAbort } from "../../../src/commands/ramp/abort.ts";
import { rampResume } from "../../../src/commands/ramp/resume.ts";
import { rampStart } from "../../../src/commands/ramp/start.ts";
import { rampStatus } from "../../../src/commands/ramp/status.ts";
import { findRamp } from "../../../src/commands/ramp/store.ts";
import type { RampDocument } from "../../../src/domain/ramp/document.ts";
import {
  parseRamp,
  parseRampControl,
  RAMP_CONTROL_KEY,
  RAMP_KEY,
} from "../../../src/domain/ramp/document.ts";
import { serialiseConfig } from "../../../src/domain/state/documents.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { BASE, rampOf, START_MS } from "../../domain/ramp/world.ts";
import { INPUT, RampStage } from "./stage.ts";

const PLAN = "5:2m,20:2m,100";
const START = { ...INPUT, plan: "30:1h,100", fromStop: false, detach: false, keep: false };
const STOP = { active: true, id: "01STOP", at: "2026-03-01T12:00:30Z", by: "ada@desk" };

let stage: RampStage;
beforeEach(() => {
  stage = new RampStage();
});

const inKv = () => parseRamp(stage.documents.get(RAMP_KEY) ?? null);

/** Another laptop: its own disk, the same KV. */
function elsewhere(change: (ports: Ports) => Partial<Ports> = () => ({})): Ports {
  const ports = stage.ports();
  const identity = { ...ports.identity, actor: "ada@desk", host: "desk" };
  return { ...ports, identity, ...change(ports) };
}

/** Its first step is held, by a process on `laptop` that has died; what KV shows is all that is left. */
async function diedInHold(): Promise<RampDocument> {
  stage.onSleep = () => {
    if (inKv()?.phase === "hold") stage.kill = { event: stage.events, after: false };
  };
  await stage.run(rampOf(PLAN));
  const left = inKv();
  if (left?.phase !== "hold") throw new Error(`not held: ${JSON.stringify(left)}`);
  const { documents, config, nowMs, journal } = stage;
  stage = new RampStage();
  Object.assign(stage, { config, nowMs, documents, journal });
  return left;
}

async function known(ports: Ports) {
  const { known: found } = await findRamp(ports, ports.interrupt);
  if (found === null) throw new Error("there is no ramp");
  return found;
}

const GIVEN = { ...INPUT, keep: false };

describe("a ramp of another laptop whose process is dead", () => {
  const isRefused = async () => {
    const planned = await rampStart.plan(START as never, elsewhere());
    return planned.kind === "ended" && JSON.stringify(planned.outcome).includes("already running");
  };

  test("refuses another ramp, until an abort has ended it in KV", async () => {
    await diedInHold();
    expect(await isRefused()).toBe(true);
    const ports = elsewhere();
    const outcome = await rampAbort.apply(await known(ports), GIVEN, ports);
    expect(outcome).toMatchObject({ kind: "done", data: { ramp: { state: "aborted" } } });
    expect(inKv()).toMatchObject({ state: "aborted", ended: { by: "ada@desk" } });
    expect(JSON.parse(stage.config)).toMatchObject({ canary_percent: BASE.canary_percent });
    expect([...stage.journal.keys()].filter((key) => key.endsWith("-aborted"))).toHaveLength(1);
    expect(await isRefused()).toBe(false);
    const status = await rampStatus.run(INPUT as never, elsewhere());
    expect(status).toMatchObject({ kind: "failed", code: "conflict" });
  });

  test("an abort that KV does not show is not done", async () => {
    await diedInHold();
    const ports = elsewhere(({ documents }) => ({
      documents: {
        ...documents,
        put: async (key, text, options) => {
          if (key !== RAMP_KEY) await documents.put(key, text, options);
        },
      },
    }));
    const outcome = await rampAbort.apply(await known(ports), GIVEN, ports);
    expect(outcome).toMatchObject({ kind: "pending", waitingFor: /KV to show/ });
    expect(inKv()?.state).toBe("running");
  });

  test("an abort writes until it is shown, also when KV has lost or refused it before", async () => {
    await diedInHold();
    let lost = 0;
    const ports = elsewhere(({ documents }) => ({
      documents: {
        ...documents,
        put: async (key, text, options) => {
          if (key === RAMP_KEY && lost < 4) {
            lost += 1;
            if (lost % 2 === 0) throw new UpstreamError("unavailable", "HTTP 503");
          } else await documents.put(key, text, options);
        },
      },
    }));
    const outcome = await rampAbort.apply(await known(ports), GIVEN, ports);
    expect(outcome.kind).toBe("done");
    expect({ lost, state: inKv()?.state }).toEqual({ lost: 4, state: "aborted" });
  });

  test("is taken over by a resume that gets no answer", async () => {
    const left = await diedInHold();
    const ports = elsewhere();
    const planned = await rampResume.plan(INPUT as never, ports);
    expect(planned).toMatchObject({
      risk: "exposure",
      changes: [{ after: "running on laptop, or, if that does not answer, in this terminal" }],
      notes: [expect.any(String), expect.stringContaining("last update from laptop")],
    });
    const outcome = await rampResume.apply(await known(ports), INPUT as never, ports);
    expect(outcome).toMatchObject({ kind: "done", data: { ramp: { state: "done" } } });
    expect(inKv()).toMatchObject({ host: "desk", carrier: { fence: left.carrier.fence + 1 } });
    expect(stage.writes.map(({ percent }) => percent)).toEqual([20, 100]);
  });

  test("is taken over at once when it has long been silent, and that is said before", async () => {
    await diedInHold();
    stage.nowMs += 3_600_000;
    const planned = await rampResume.plan(INPUT as never, elsewhere());
    expect(planned).toMatchObject({
      changes: [{ after: "running in this terminal" }],
      notes: [expect.stringContaining("no sign of life from laptop since"), expect.any(String)],
    });
  });

  test("is left alone when it answers after all", async () => {
    await diedInHold();
    stage.onSleep = () => {
      const control = parseRampControl(stage.documents.get(RAMP_CONTROL_KEY) ?? null);
      const obeyed = control?.id ?? null;
      stage.documents.set(RAMP_KEY, JSON.stringify({ ...inKv(), obeyed }));
    };
    const ports = elsewhere();
    const outcome = await rampResume.apply(await known(ports), INPUT as never, ports);
    expect(outcome).toMatchObject({ kind: "done", headline: "running on laptop" });
    expect(stage.writes).toEqual([]);
  });
});

describe("whoever carries a ramp out", () => {
  test("stops once somebody else does, and writes nothing more", async () => {
    let after = "";
    stage.onSleep = () => {
      if (inKv()?.phase !== "hold" || after !== "") return;
      const taken = { ...inKv(), host: "desk", carrier: { fence: 9, id: "Z", by: "ada@desk" } };
      after = JSON.stringify(taken);
      stage.documents.set(RAMP_KEY, after);
    };
    const outcome = await stage.run(rampOf(PLAN));
    expect(outcome).toMatchObject({
      kind: "failed",
      code: "conflict",
      message: "this ramp was taken over by ada@desk on desk: this process stops",
    });
    expect(stage.documents.get(RAMP_KEY)).toBe(after);
    expect(stage.writes.map(({ percent }) => percent)).toEqual([5]);
  });

  test("looks for that again right before it writes a share", async () => {
    const real = stage.ports.bind(stage);
    let looks = 0;
    stage.ports = () => {
      const ports = real();
      const get: Ports["documents"]["get"] = async (key, options) => {
        const text = await ports.documents.get(key, options);
        if (key !== RAMP_KEY || text === null) return text;
        looks += 1;
        const carrier = { fence: 9, id: "Z", by: "ada@desk" };
        return looks === 1 ? text : JSON.stringify({ ...parseRamp(text), host: "desk", carrier });
      };
      return { ...ports, documents: { ...ports.documents, get } };
    };
    const outcome = await stage.run(rampOf(PLAN));
    expect(outcome).toMatchObject({ message: expect.stringContaining("taken over by ada@desk") });
    expect(stage.writes).toEqual([]);
  });

  test("ends as it was ended, when that was done for it", async () => {
    stage.onSleep = () => {
      if (inKv()?.phase !== "hold") return;
      const ended = { at: new Date(START_MS).toISOString(), by: "ada@desk", why: "support" };
      const carrier = { fence: 9, id: "Z", by: "ada@desk" };
      stage.documents.set(
        RAMP_KEY,
        JSON.stringify({ ...inKv(), state: "aborted", ended, carrier }),
      );
    };
    const outcome = await stage.run(rampOf(PLAN));
    expect(outcome).toMatchObject({
      kind: "failed",
      code: "conflict",
      message: "aborted by ada@desk: support",
    });
    expect(stage.kept()?.state).toBe("aborted");
  });

  test("says again that it does, when somebody earlier has written over it", async () => {
    let covered = 0;
    stage.onSleep = () => {
      if (inKv()?.phase !== "hold" || covered > 0) return;
      covered += 1;
      stage.documents.set(
        RAMP_KEY,
        JSON.stringify({ ...inKv(), carrier: { fence: 0, id: "A", by: "" } }),
      );
    };
    const outcome = await stage.run(rampOf(PLAN));
    expect(outcome).toMatchObject({ kind: "done" });
    expect({ covered, kept: inKv()?.carrier.fence }).toEqual({ covered: 1, kept: 1 });
  });

  test.each([
    { lost: 6, state: "conflict" },
    { lost: 1_000, state: "running" },
  ])("writes its last word until it is shown: $lost lost, then $state", async ({ lost, state }) => {
    let left = lost;
    const real = stage.ports.bind(stage);
    stage.ports = () => {
      const ports = real();
      const put: Ports["documents"]["put"] = async (key, text, options) => {
        const isEnd = key === RAMP_KEY && parseRamp(text)?.state === "conflict";
        if (isEnd && left > 0) left -= 1;
        else await ports.documents.put(key, text, options);
      };
      return { ...ports, documents: { ...ports.documents, put } };
    };
    stage.onSleep = () => {
      if (inKv()?.phase === "hold") stage.stop = JSON.stringify(STOP);
    };
    expect(await stage.run(rampOf(PLAN))).toMatchObject({ kind: "failed", code: "conflict" });
    expect(inKv()?.state).toBe(state);
  });
});

describe("a ramp whose last word was lost", () => {
  beforeEach(async () => {
    await diedInHold();
    stage.stop = JSON.stringify(STOP);
  });

  test("is shown as ended by the stop that is stored, and a script is told", async () => {
    const ports = elsewhere();
    const outcome = await rampStatus.run(INPUT as never, ports);
    expect(outcome).toMatchObject({
      kind: "failed",
      code: "conflict",
      message: expect.stringContaining("ada@desk: a stop was set at"),
      data: { ramp: { state: "conflict" } },
    });
    expect(rampStatus.render(outcome)).not.toMatch(/holding|running/);
  });

  test("is not resumed, and does not refuse another one", async () => {
    const ports = elsewhere();
    expect(await rampResume.plan(INPUT as never, ports)).toMatchObject({
      kind: "ended",
      outcome: { code: "conflict" },
    });
    const planned = await rampStart.plan({ ...START, plan: "5:2h, 10" } as never, ports);
    expect(planned).toMatchObject({
      outcome: {
        message: "an emergency is on",
        next: expect.stringContaining("--plan '5:2h, 10' --from-stop"),
      },
    });
  });

  test("is ended in words by an abort, which does not claim that it had been running", async () => {
    const ports = elsewhere();
    const planned = await rampAbort.plan(GIVEN, ports);
    if (planned.kind !== "plan") throw new Error("not planned");
    const outcome = await rampAbort.apply(planned.steps, GIVEN, ports);
    expect(outcome).toMatchObject({
      kind: "done",
      headline: "the ramp had ended already; share is 0 %: an emergency is on",
    });
    expect(rampAbort.render(outcome)).not.toMatch(/holding/);
    expect(inKv()).toMatchObject({ state: "conflict", ended: { by: "ada@desk" } });
  });
});

test("the file of a process that was succeeded elsewhere does not speak for the ramp", async () => {
  const file = rampOf(PLAN);
  const carrier = { fence: 2, id: "Z", by: "ada@desk" };
  const ended = { at: new Date(START_MS).toISOString(), by: "ada@desk", why: "support" };
  const shown = async (inKv: RampDocument) => {
    stage.documents.set(RAMP_KEY, JSON.stringify(inKv));
    const { rampFile } = stage.ports();
    const read = async () => JSON.stringify(file);
    return known(elsewhere(() => ({ rampFile: { ...rampFile, read } })));
  };
  expect(await shown({ ...file, state: "aborted", ended, carrier })).toMatchObject({
    from: "kv",
    ramp: { state: "aborted" },
  });
  expect(await shown({ ...file, step: -1, updated_at: "2020-01-01T00:00:00Z" })).toMatchObject({
    from: "here",
    ramp: { updated_at: file.updated_at },
  });
});

test("an edited share, too, ends a ramp for whoever reads it", async () => {
  await diedInHold();
  stage.config = serialiseConfig({ ...BASE, canary_percent: 0, revision: "THEIRS" });
  expect((await known(elsewhere())).ramp.state).toBe("conflict");
});
