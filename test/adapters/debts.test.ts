/** What a change owes outlives its process, and is paid by one. */

import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createDebts } from "../../src/adapters/debts.ts";
import type { Debt } from "../../src/domain/state/debt.ts";
import type { Debts } from "../../src/ports/machine.ts";
import { journalEntry } from "../support/journal-entries.ts";

const IDS = { env: "prod", accountId: "a".repeat(32), namespaceId: "b".repeat(32) };
const entry = (id: string, at: string) =>
  journalEntry({ id, at, revision: id, namespace: IDS.namespaceId });
const E1 = entry("01A", "2026-11-22T10:00:00Z");
const E2 = entry("01B", "2026-11-22T11:00:00Z");
const DEBT: Debt = { schema: 1, entry: E1, released: false, journal: true, channels: ["slack"] };

let stateDir = "";
let started = 0;
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "pixcanary-debts-"));
  started = 0;
});
afterEach(() => rm(stateDir, { recursive: true, force: true }));

const debts = (dir = stateDir): Debts =>
  createDebts({ ...IDS, stateDir: dir }, () => {
    started += 1;
  });
const folder = () => join(stateDir, IDS.accountId, IDS.namespaceId, "owed");

/** As if the process that kept it had been killed. */
async function orphan(): Promise<void> {
  const { pid } = spawnSync("true");
  for (const name of await readdir(folder())) {
    const [id] = name.split(".");
    await rename(join(folder(), name), join(folder(), `${id}.${pid}-1.json`));
  }
}

test("a living process sees to its own; nobody else takes or delivers it", async () => {
  expect(await debts().keep(DEBT)).toBe(true);
  expect(await debts().waiting()).toBe(0);
  expect(await debts().takeOver()).toEqual([]);
  await debts().passOn();
  expect(started).toBe(0);
});

test("of a process that was killed, one of many takes it", async () => {
  await debts().keep(DEBT);
  await orphan();
  expect(await debts().waiting()).toBe(1);
  await debts().passOn();
  expect(started).toBe(1);
  const taken = await Promise.all(Array.from({ length: 8 }, () => debts().takeOver()));
  expect(taken.flat()).toEqual([DEBT]);
});

test("what is left behind on purpose is found, oldest first; what was dropped is not", async () => {
  const [mine, paid] = [debts(), debts()];
  await mine.keep({ ...DEBT, entry: E2 });
  await mine.keep(DEBT);
  await mine.leave();
  await paid.keep(DEBT);
  await paid.drop(DEBT);
  const found = await debts().takeOver();
  expect(found.map(({ entry }) => entry.id)).toEqual([E1.id, E2.id]);
});

test("what was kept last counts, however the writes overlap", async () => {
  const mine = debts();
  void mine.keep(DEBT);
  void mine.keep({ ...DEBT, channels: [] });
  await mine.leave();
  expect(await debts().takeOver()).toEqual([{ ...DEBT, channels: [] }]);
});

test("without a disk it says so, and never throws", async () => {
  const file = join(stateDir, "file");
  await writeFile(file, "");
  const none = debts(file);
  expect(await none.keep(DEBT)).toBe(false);
  expect(await none.takeOver()).toEqual([]);
  await Promise.all([none.drop(DEBT), none.leave(), none.passOn()]);
});

test("what cannot be read is set aside, and starts nothing again", async () => {
  await debts().keep(DEBT);
  await orphan();
  const [name = ""] = await readdir(folder());
  await writeFile(join(folder(), name), "{");
  expect(await debts().takeOver()).toEqual([]);
  expect(await readdir(folder())).toEqual([name.replace(/\..*/, ".unreadable")]);
});
