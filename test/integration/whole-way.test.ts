/**
 * From an empty account to `incident close` by one script of commands, whole-way.sh: the Worker that runs is the one
 * that the real wrangler uploads, and each line of the resulting report is what the sandbox knows.
 */
import { copyFile, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Permission, Sandbox } from "../../src/sandbox/index.ts";
import { openShell, type Said, type Shell } from "../runbook/stage.ts";
import { ensureCli, NODE, ROOT } from "../support/cli.ts";
import { AMPLE_S, WORKER_PATIENCE } from "../support/patience.ts";
import { startSandbox } from "../support/sandbox.ts";
import { ensureBundle } from "../worker/bundle.ts";
import { R2_KEY } from "./setup-stage.ts";
import {
  closedAt,
  comparable,
  documentOf,
  type SeenEntry,
  type SeenWorld,
} from "./whole-way-document.ts";
import { errorsIn } from "./whole-way-logs.ts";
import { columnOf, isRequest, type SeenPoint } from "./whole-way-measured.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const CLONE = ["worker/wrangler.jsonc", "worker/build.js", "dist/worker/index.js"];
/** Of SECURITY.md: to set up, to operate, to investigate. Nothing of the user. */
const PERMISSIONS: Permission[] = [
  ...(["Workers KV Storage Write", "Workers R2 Storage Write", "Logs Write"] as const),
  ...(["Workers Scripts Write", "Account Analytics Read", "Workers Tail Read"] as const),
];
/** An operator's limits are for an operator's machine. */
const PATIENT = `pixcanary() { command pixcanary "$@" --timeout ${AMPLE_S}; }\n`;
/** `verify --fleet` would wait for metrics that are late; those of the sandbox never are. */
const PROMPT = `{ "environments": { "production": { "policy": { "settleSeconds": 0 } } } }\n`;

let sandbox: Sandbox;
let shell: Shell & { folder: string };
let said: Said;

beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
  sandbox = await startSandbox({
    ...{ empty: true, locations: ["FRA", "AMS"], lagMs: { min: 0, max: 0 } },
    ...{ rateLimits: false, patience: WORKER_PATIENCE },
  });
  const { description } = sandbox;
  shell = await openShell({
    CLOUDFLARE_API_BASE_URL: description.apiBaseUrl,
    CLOUDFLARE_API_TOKEN: sandbox.control.createToken({ permissions: PERMISSIONS }),
    CLOUDFLARE_ACCOUNT_ID: description.accountId,
    PIXCANARY_R2_KEY: R2_KEY,
    ORIGIN_URL: description.originUrl,
    QA_URLS: description.locations.map(({ url }) => `${url}/qa`).join(","),
    SANDBOX_CONTROL: description.controlUrl,
  });
  await fill(shell.folder);
  const before = await Promise.all(description.locations.map(({ url }) => fetch(`${url}/qa`)));
  expect(before.map(({ status }) => status)).toEqual([404, 404]);
  said = await shell.type(PATIENT + (await readFile(join(HERE, "whole-way.sh"), "utf8")));
});
afterAll(async () => {
  await shell?.close();
  await sandbox?.close();
});

/** What a clone has, and the one command that no operator has. */
async function fill(folder: string): Promise<void> {
  for (const file of CLONE) {
    await mkdir(join(folder, file, ".."), { recursive: true });
    await copyFile(join(ROOT, file), join(folder, file));
  }
  await writeFile(join(folder, "pixcanary.json"), PROMPT);
  const past = `#!/bin/sh\nexec '${NODE}' --no-warnings '${HERE}past-minutes.ts'\n`;
  await writeFile(join(folder, "bin/past-minutes"), past, { mode: 0o755 });
}

async function worldOf(): Promise<SeenWorld> {
  const { control } = sandbox;
  const past = JSON.parse(await readFile(join(shell.folder, "past-minutes.json"), "utf8"));
  const keys = control.store.list({ prefix: "journal/", limit: 1_000 }).keys;
  return {
    points: [...control.points(), ...(past as SeenPoint[])],
    journal: keys.map(({ name }) => JSON.parse(control.store.text(name) ?? "") as SeenEntry),
    errors: await errorsIn(sandbox),
  };
}

test("the script runs to its end", () => {
  expect([said.exitCode, said.output]).toEqual([0, expect.stringContaining("report written")]);
  for (const line of [
    "✔ setup: done",
    "3 secrets successfully created",
    "✔ /qa AMS      answers, state from KV, keys k1",
    "✖ assess: error rate, critical",
    "✔ not-aus: done",
    "change    emergency on",
    "Database Connection:",
    "✔ ramp start: done, 50 %",
  ])
    expect(said.output).toContain(line);
});

test("its doctor warns of nothing but what a new Worker has not done yet: metrics, and its cron", () => {
  const [, after = ""] = said.output.split("doctor → production");
  const checks = after.split("restore → production")[0]?.match(/^ {2}[✔!✖] \S.*$/gm) ?? [];
  expect(checks.length).toBeGreaterThan(10);
  const bad = checks.filter((line) => !line.startsWith("  ✔ "));
  const notYet =
    /^ {2}! (metrics +no metrics yet|guardian .*has never run \(a new one takes a minute\))/;
  expect(bad.filter((line) => !notYet.test(line))).toEqual([]);
  expect(bad.length).toBeGreaterThan(0);
});

describe("the deployed Worker", () => {
  test("is the bundle, byte by byte, with the secrets of the operator's file", async () => {
    const { worker, secrets } = sandbox.control.account;
    const bundle = await readFile(join(ROOT, "dist/worker/index.js"), "utf8");
    expect(worker.name).toBe("pix-api");
    expect(worker.deployed?.upload.modules.map(({ contents }) => contents === bundle)).toEqual([
      true,
    ]);
    const file = join(shell.folder, ".config/pixcanary/production/worker-secrets.json");
    expect(Object.fromEntries(secrets)).toEqual(JSON.parse(await readFile(file, "utf8")));
  });

  test("is what served every visitor", () => {
    const requests = sandbox.control.points().filter(isRequest);
    const versions = new Set(requests.map((point) => columnOf(point, "worker_version")));
    expect([...versions]).toEqual([sandbox.control.account.worker.deployed?.id]);
    expect(new Set(requests.map((point) => columnOf(point, "colo")))).toEqual(
      new Set(["FRA", "AMS"]),
    );
  });
});

describe("the report", () => {
  test("each of its lines is what the sandbox knows, a marked blank, or the template's", async () => {
    const world = await worldOf();
    const { begun, incident } = openedIn(world.journal);
    const [name = ""] = await readdir(join(shell.folder, "docs/INCIDENTS"));
    const text = await readFile(join(shell.folder, "docs/INCIDENTS", name), "utf8");
    const lines = comparable(text, world.errors);
    // It ended before its end was written down, and after the last change: in one of these seconds.
    const closedMs = closedAt(world.journal);
    const lastMs = Date.parse(world.journal.findLast((one) => one.event === undefined)?.at ?? "");
    const wanted = (endMs: number) => documentOf(world, incident, { begunMs: begun, endMs });
    let endMs = closedMs;
    while (endMs >= lastMs && wanted(endMs).join("\n") !== lines.join("\n")) endMs -= 1_000;
    expect(lines).toEqual(wanted(endMs >= lastMs ? endMs : closedMs));
  });

  test("its charts are there", async () => {
    const folder = join(shell.folder, "docs/INCIDENTS");
    const names = (await readdir(folder)).filter((name) => name.endsWith(".svg"));
    expect(names).toHaveLength(2);
    for (const name of names) expect((await stat(join(folder, name))).size).toBeGreaterThan(1_000);
  });

  test("what visitors saw is what was measured", () => {
    const { requests } = sandbox.control.trafficReport();
    const measured = sandbox.control.points().filter(isRequest);
    for (const cohort of ["native", "proxy"]) {
      const own = measured.filter((point) => columnOf(point, "cohort") === cohort);
      const seen = Object.values(requests.byCohort[cohort] ?? {});
      expect(
        seen.reduce((sum, count) => sum + count, 0),
        cohort,
      ).toBe(own.length);
    }
    const failed = measured.filter((point) => Number(columnOf(point, "status")) >= 500);
    expect(failed.length).toBeGreaterThan(0);
    const failedSeen = Object.entries(requests.byCohort.native ?? {}).filter(
      ([s]) => Number(s) >= 500,
    );
    const fellBack = Object.values(requests.fellBack);
    const all = [...failedSeen.map(([, count]) => count), ...fellBack];
    expect(all.reduce((sum, count) => sum + count, 0)).toBe(failed.length);
  });
});

describe("afterwards", () => {
  const rotated = async (...more: string[]): Promise<unknown> => {
    const words = ["pixcanary setup rotate-keys --env production --json", ...more].join(" ");
    const { output } = await shell.type(`${words} 2> /dev/null`);
    return JSON.parse(output);
  };
  const shown = async (): Promise<unknown[]> => {
    const token = sandbox.control.account.secrets.get("QA_TOKEN") ?? "";
    const headers = { authorization: `Bearer ${token}` };
    const urls = sandbox.description.locations.map(({ url }) => `${url}/qa`);
    const answers = await Promise.all(urls.map((url) => fetch(url, { headers })));
    const documents = await Promise.all(answers.map((answer) => answer.json()));
    return documents.map((one) => (one as { cookie_key_ids: unknown }).cookie_key_ids);
  };

  test("its keys rotate, move by move, as every location shows them", async () => {
    await rotated("--dry-run");
    expect(await shown()).toEqual([["k1"], ["k1"]]);
    expect(await rotated("--yes")).toMatchObject({ move: "add", key_ids: ["k1", "k2"] });
    expect(await shown()).toEqual([
      ["k1", "k2"],
      ["k1", "k2"],
    ]);
    expect(await rotated("--yes")).toMatchObject({ move: "sign", key_ids: ["k2", "k1"] });
    expect(await rotated("--yes")).toMatchObject({ outcome: "pending", move: "wait" });
  });

  test("another deployment keeps the secrets; one that does not start changes nothing", async () => {
    const deploy =
      'cd worker && npx wrangler deploy --env production --var "ORIGIN_URL:$ORIGIN_URL"';
    const { worker } = sandbox.control.account;
    const first = worker.deployed;
    const again = await shell.type(deploy);
    expect([again.exitCode, again.output]).toEqual([
      0,
      expect.stringContaining("Uploaded pix-api"),
    ]);
    const second = worker.deployed;
    expect(second?.number).toBe((first?.number ?? 0) + 1);
    expect(await shown()).toEqual([
      ["k2", "k1"],
      ["k2", "k1"],
    ]);
    await writeFile(
      join(shell.folder, "dist/worker/index.js"),
      'throw new Error("no start");\nexport default {};',
    );
    const broken = await shell.type(deploy);
    expect([broken.exitCode, broken.output]).toEqual([
      1,
      expect.stringContaining("does not start"),
    ]);
    expect(worker.deployed).toBe(second);
    expect(await shown()).toEqual([
      ["k2", "k1"],
      ["k2", "k1"],
    ]);
  });
});

function openedIn(journal: readonly SeenEntry[]): { begun: number; incident: string } {
  const opened = journal.find(({ event }) => event?.kind === "opened");
  return { begun: Date.parse(opened?.event?.when ?? ""), incident: opened?.incident ?? "" };
}
