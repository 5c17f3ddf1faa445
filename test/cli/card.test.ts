/** The card, and which ids a command shows. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { widthOf } from "../../src/domain/text/width.ts";
import { PLAIN_ENV } from "../support/cli.ts";
import { runHere } from "../support/here.ts";

const [ACCOUNT, NAMESPACE] = ["a".repeat(32), "b".repeat(32)];
/** A4 and US Letter hold more. */
const PAGE_LINES = 60;

let home = "";
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "pixcanary-card-"));
  const production = {
    accountId: ACCOUNT,
    namespaceId: NAMESPACE,
    worker: "pix-api",
    qaUrls: ["https://pix.example/qa", "https://eu.pix.example/qa"],
    canaryTag: "B2a",
    normalPercent: 12.25,
    onCall: "Anna 0170-1234567, Ben 0171-7654321",
    slack: "#pix-incidents",
    channels: ["bridge https://meet.pix.example/incident", "status https://status.pix.example"],
    escalation: [
      { afterMinutes: 15, to: "Carla Berg 0172-1111111" },
      { afterMinutes: 30, to: "Dora, head of platform 0173-2222222" },
      { afterMinutes: 60, to: "Emil, CTO 0174-3333333" },
    ],
    docs: "https://wiki.example/canary",
  };
  await writeFile(join(home, "pixcanary.json"), JSON.stringify({ environments: { production } }));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const card = (...more: string[]) =>
  runHere(["card", ...more], { cwd: home, env: { ...PLAIN_ENV, HOME: home } });

it("prints on one page of 80 columns", async () => {
  const { stdout } = await card();
  const lines = stdout.trimEnd().split("\n");
  const printed = lines.map((line) => Math.max(1, Math.ceil(widthOf(line) / 80)));
  expect(printed.reduce((sum, rows) => sum + rows, 0)).toBeLessThanOrEqual(PAGE_LINES);
  // An address alone may be longer: it is to be clicked.
  expect(lines.filter((line) => widthOf(line) > 80)).toEqual([
    expect.stringContaining("https://dash.cloudflare.com/"),
  ]);
});

it("names whom to call, who is next, and where people talk, each of them whole", async () => {
  const { stdout } = await card();
  expect(stdout.trimEnd().split("\n").slice(-6)).toEqual([
    "On-call: Anna 0170-1234567, Ben 0171-7654321",
    "After 15 min: Carla Berg 0172-1111111",
    "After 30 min: Dora, head of platform 0173-2222222",
    "After 60 min: Emil, CTO 0174-3333333 · Slack: #pix-incidents",
    "Channel: bridge https://meet.pix.example/incident",
    "Channel: status https://status.pix.example · Docs: https://wiki.example/canary",
  ]);
});

it("what a command acts on is named in a line, its ids with --verbose alone", async () => {
  const [short, long] = [await card(), await card("--verbose")];
  expect(short.stderr).toContain("card → production (worker pix-api)\n");
  expect(long.stderr).toContain(`(worker pix-api, account ${ACCOUNT}, KV ${NAMESPACE})`);
});
