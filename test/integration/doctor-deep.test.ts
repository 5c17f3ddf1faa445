/** `doctor --deep` on a real Postgres and the bucket of a sandbox. */
import { expect, test } from "vitest";
import { HEALTH_CHECK_OBJECT } from "../../src/adapters/media-probe.ts";
import type { DoctorData } from "../../src/commands/doctor/doctor.ts";
import { MEDIA_BUCKET } from "../../src/sandbox/types.ts";
import { runCli } from "../support/cli.ts";
import { AMPLE_S } from "../support/patience.ts";
import { type Lane, oneLane, tokenEnv, writeConfig } from "./lane.ts";

let lane: Lane;
oneLane((given) => {
  lane = given;
});

async function deep(moreEnv: Record<string, string> = {}, mediaBucket = MEDIA_BUCKET) {
  const config = await writeConfig(lane, { mediaBucket });
  const { databaseUrl } = lane.sandbox.description;
  const env = { ...lane.env, ...tokenEnv(lane.sandbox), DATABASE_URL: databaseUrl, ...moreEnv };
  // As a program: the driver is a bundle of its own.
  const words = ["doctor", "--deep", "--json", "--config", config, "--timeout", AMPLE_S];
  const result = await runCli(words, { env });
  const { checks } = JSON.parse(result.stdout) as DoctorData;
  const of = (name: string) => checks.find((check) => check.name === name);
  return { ...result, of };
}

async function leftInBucket(): Promise<string[]> {
  const { apiBaseUrl, accountId, apiToken } = lane.sandbox.description;
  const objects = `/accounts/${accountId}/r2/buckets/${MEDIA_BUCKET}/objects`;
  const answer = await fetch(`${apiBaseUrl}${objects}?prefix=${HEALTH_CHECK_OBJECT}`, {
    headers: { authorization: `Bearer ${apiToken}` },
  });
  const { result } = (await answer.json()) as { result: { key: string }[] };
  return result.map(({ key }) => key);
}

test("asks a real server, and leaves nothing in the bucket", async () => {
  const { of, stdout, stderr } = await deep();
  // The embedded Postgres knows its limit, and lists nobody.
  expect(of("connections"), stdout + stderr).toMatchObject({
    result: "warn",
    detail: expect.stringMatching(/not even this one \(limit [1-9]\d*\)/),
  });
  expect(of("queries")).toMatchObject({ result: "pass" });
  expect(of("R2")).toMatchObject({ result: "pass" });
  expect(await leftInBucket()).toEqual([]);
});

test("a database that is down fails, and its password is nowhere", async () => {
  await lane.sandbox.control.setNative({ databaseDown: true });
  const url = new URL(lane.sandbox.description.databaseUrl);
  url.password = "sesame-open-7";
  const { of, stdout, stderr, code } = await deep({ DATABASE_URL: url.href });
  expect([code, of("database")?.result], stdout + stderr).toEqual([20, "fail"]);
  expect(stdout + stderr).not.toContain("sesame-open-7");
});

test.each(["nonsense", "postgres://u:sesame-open-7@[half", "http://u:sesame-open-7@127.0.0.1:1/x"])(
  "%s is no address of a database, and is not shown",
  async (DATABASE_URL) => {
    const { of, stdout, stderr } = await deep({ DATABASE_URL });
    expect(of("database"), stdout + stderr).toMatchObject({ result: "warn" });
    expect(stdout + stderr).not.toContain(DATABASE_URL);
  },
);

test("a bucket that is not there is told from an object that was not kept", async () => {
  expect((await deep({}, "another-bucket")).of("R2")).toMatchObject({
    result: "fail",
    detail: "no bucket another-bucket in this account",
  });
  const match = { method: "GET", pathContains: HEALTH_CHECK_OBJECT };
  await lane.sandbox.control.setFaults([{ kind: "html", match }]);
  const { of } = await deep();
  expect(of("R2")).toMatchObject({
    result: "fail",
    detail: expect.stringMatching(/^read the object: /),
  });
  expect(await leftInBucket()).toEqual([]);
});

test("a token that may not write to R2: what it lacks, and no verdict on R2", async () => {
  const token = lane.sandbox.control.createToken("kv-read-only");
  const { of } = await deep({ CLOUDFLARE_API_TOKEN: token });
  expect(of("R2")).toMatchObject({
    result: "warn",
    fix: "give the token Workers R2 Storage: Edit",
  });
});
