/** Something else under the name of a manifest, or in the place of a log: it must not hold us. */
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createLogFolders } from "../../src/adapters/logs/folder.ts";
import { createLogReader } from "../../src/adapters/logs/reader.ts";
import { LogAnalysis } from "../../src/domain/logs/analysis.ts";
import { EVERYTHING, logLine, ndjson } from "../support/log-lines.ts";

const WINDOW = { since: "2026-05-01T00:00:00Z", until: "2026-05-01T01:00:00Z" };
const MANIFEST = {
  schema: 1 as const,
  env: "e",
  bucket: "b",
  prefix: "",
  window: WINDOW,
  files: [],
};

let dir = "";
let folder = "";
let manifest = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "pixcanary-manifest-"));
  folder = join(dir, "d");
  manifest = join(folder, "manifest.json");
  await mkdir(folder);
  await writeFile(join(folder, "one.ndjson"), ndjson([logLine()]));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const reader = () =>
  createLogReader({ cwd: dir, stdin: () => Promise.reject(new Error("not asked for")) });

const ODD: [string, () => Promise<void> | void][] = [
  ["a named pipe", () => void execFileSync("mkfifo", [manifest])],
  ["a link to a device that never ends", () => symlink("/dev/zero", manifest)],
  [
    "a link to a manifest elsewhere",
    async () => {
      await writeFile(join(dir, "elsewhere.json"), JSON.stringify(MANIFEST));
      await symlink("../elsewhere.json", manifest);
    },
  ],
  ["a folder", async () => void (await mkdir(manifest))],
  [
    "a manifest of more than 256 MiB",
    async () => {
      await writeFile(manifest, JSON.stringify(MANIFEST));
      await truncate(manifest, 256 * 1024 * 1024 + 1);
    },
  ],
];

it.each(ODD)("%s is no manifest, and the logs beside it are read", async (_what, put) => {
  await put();
  const parse = vi.spyOn(JSON, "parse");
  const found = await reader().find(["d"]);
  expect(found.window).toBeNull();
  expect(found.sources.map(({ name }) => name)).toEqual(["d/one.ndjson"]);
  expect(await (await createLogFolders(dir).open("d", { named: true })).manifest()).toBeNull();
  // Nothing of it was taken into memory.
  expect(parse).not.toHaveBeenCalled();
  parse.mockRestore();
});

it("a pipe that took the place of a log meanwhile is reported", async () => {
  const { sources } = await reader().find(["d"]);
  await rm(join(folder, "one.ndjson"));
  execFileSync("mkfifo", [join(folder, "one.ndjson")]);
  const analysis = new LogAnalysis({ filter: EVERYTHING, changes: [] });
  const { signal } = new AbortController();
  const reading = await reader().read(sources, analysis, { signal });
  expect(reading.problems).toMatchObject([{ file: "d/one.ndjson" }]);
});

it("the window of a manifest is read without its files, however many it names", async () => {
  const files = Array.from({ length: 100_000 }, (_, n) => ({
    ...{ key: `logs/20260501T005001Z_${n}.log.gz`, file: `${n}.log.gz`, size: 1, etag: "e" },
    sha256: "a".repeat(64),
  }));
  const prefix = `"files": [ ${"\u0001".repeat(1_080)}`;
  const whole = { ...MANIFEST, env: "漢".repeat(100), prefix, files };
  await (await createLogFolders(dir).open("d", { named: true })).saveManifest(whole);
  const parse = vi.spyOn(JSON, "parse");
  const { window } = await reader().find(["d"]);
  expect(parse.mock.calls.map(([text]) => text.length < 10_000)).toEqual([true]);
  parse.mockRestore();
  expect(window?.sinceMs).toBe(Date.parse(WINDOW.since));
  expect(
    (await (await createLogFolders(dir).open("d", { named: true })).manifest())?.files,
  ).toHaveLength(100_000);
});

it("a manifest is read", async () => {
  await writeFile(manifest, JSON.stringify(MANIFEST));
  expect((await reader().find(["d"])).window).toEqual({
    sinceMs: Date.parse(WINDOW.since),
    untilMs: Date.parse(WINDOW.until),
  });
});
