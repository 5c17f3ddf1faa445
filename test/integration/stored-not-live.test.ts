/** What is stored may not be live: no command says what traffic does unless `/qa` shows it. */
import { beforeEach, describe, expect, test } from "vitest";
import { patientClock, runHere } from "../support/here.ts";
import { untilLive } from "../support/live.ts";
import { type Lane, oneLane, tokenEnv } from "./lane.ts";

let lane: Lane;
let config = "";
oneLane((own, path) => {
  lane = own;
  config = path;
});

beforeEach(() => untilLive(lane.sandbox.description, { percent: 10, emergency_proxy: false }));

async function say(verb: string): Promise<string> {
  const env = { ...lane.env, ...tokenEnv(lane.sandbox) };
  const { stdout, stderr } = await runHere([verb, "--config", config], {
    env,
    clock: patientClock(),
  });
  // As one line: where it wraps is not what is shown here.
  return (stdout + stderr).replaceAll(/\s+/g, " ");
}

const put = (text: string) => lane.sandbox.control.store.put("config", text);

const HURRIED = [
  "{canary_percent: 10, canary_tag: B2a, emergency_proxy: true}",
  '{"canary_percent": 10, "canary_tag": "B2a", "emergency_proxy": true,',
  '{"emergency_proxy": "true"} // stop!',
  JSON.stringify('{"canary_percent":100,"emergency_proxy":true}'),
];

describe("an emergency that a person wrote in a hurry", () => {
  test.each(HURRIED)("%s: each command says what /qa shows", async (text) => {
    put(text);
    await untilLive(lane.sandbox.description, { emergency_proxy: true });
    const [status, explain, doctor] = await Promise.all(["status", "explain", "doctor"].map(say));
    expect(status).toContain("! EMERGENCY: all traffic is on proxy (the legacy origin)");
    expect(explain).toContain("1 emergency on ← decides");
    expect(explain).not.toContain("not live everywhere");
    expect(doctor).toContain("config");
    expect(doctor).not.toMatch(/restore .*--to 0/);
  });

  test("but that no location has read yet, is not called live", async () => {
    lane.sandbox.control.setKv({ frozen: true });
    put('{"emergency_proxy": true}');
    const [status, explain] = await Promise.all(["status", "explain"].map(say));
    expect(status).toMatch(/! EMERGENCY, live at 0 of 1 \/qa, set by unknown/);
    expect(status).not.toContain("all traffic is on proxy");
    expect(explain).toMatch(
      /not live everywhere:.* FRA: emergency not in force yet \(reason: sampled\).* \/qa shows 10 % at FRA/,
    );
  });
});

test("a config that nobody can read is not called proxy: each location goes by the last it could", async () => {
  put("{ten percent please");
  const [status, explain, doctor] = await Promise.all(["status", "explain", "doctor"].map(say));
  expect(status).toMatch(/! config .*FRA +10 %/);
  expect(explain).toMatch(/not live everywhere:.* \/qa shows 10 % at FRA/);
  expect(doctor).toMatch(/✖ config is not JSON fix: pixcanary restore .* --to 0/);
  expect([status, explain, doctor].join()).not.toContain("all traffic is on proxy");
});

test("a share written as text is obeyed, and doctor and status name it", async () => {
  put(
    '\uFEFF{"canary_percent": "10%", "canary_tag": "B2a", "emergency_proxy": "false",\r\n"last_updated": "2026-01-01T00:00:00Z"}',
  );
  await untilLive(lane.sandbox.description, { percent: 10, last_updated: "2026-01-01T00:00:00Z" });
  for (const said of await Promise.all(["status", "doctor"].map(say))) {
    expect(said).toContain('config canary_percent is written as "10%", and read as 10');
    expect(said).toContain('config emergency_proxy is written as "false", and read as false');
  }
});
