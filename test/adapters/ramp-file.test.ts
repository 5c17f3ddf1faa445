/** The file and the lock of an attached ramp: of one namespace, whatever its environment is called. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createRampFile, succeed } from "../../src/adapters/ramp-file.ts";
import { formerFolder, type StatePlace, stateFolder } from "../../src/adapters/state-folder.ts";
import { journalEntry } from "../support/journal-entries.ts";

const NAMESPACE = "b".repeat(32);
let place: StatePlace;
let other: StatePlace;
beforeEach(async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "pixcanary-ramp-file-"));
  place = { stateDir, env: "production", accountId: "a".repeat(32), namespaceId: NAMESPACE };
  other = { ...place, accountId: "c".repeat(32), namespaceId: "d".repeat(32) };
  return () => rm(stateDir, { recursive: true, force: true });
});
afterEach(() => createRampFile(place).unlock());

test("two accounts have each their ramp and their lock", async () => {
  const file = createRampFile(place);
  await file.write("ours");
  expect(await file.lock()).toBe("ours");
  expect(await createRampFile(other).read()).toBeNull();
  expect(await createRampFile(other).isLocked()).toBe(false);
  expect(await createRampFile({ ...place, env: "prod" }).read()).toBe("ours");
});

describe("what an earlier version kept by the environment's name", () => {
  const entry = (namespace: string | null) =>
    journalEntry({
      command: "ramp",
      after: { percent: 20, emergency: false, revision: "R" },
      namespace,
    });
  async function former(namespace: string | null, lock: string): Promise<void> {
    const folder = formerFolder(place);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "journal.ndjson"), `${JSON.stringify(entry(namespace))}\n`);
    await writeFile(join(folder, "ramp.json"), "former");
    await writeFile(join(folder, "ramp.lock"), lock);
  }

  test("is read, and its process is alive, where its journal says that it is of this namespace", async () => {
    await former(NAMESPACE, `${process.pid} ?`);
    const file = createRampFile(place);
    expect(await file.read()).toBe("former");
    expect(await file.isLocked()).toBe(true);
    expect(await file.lock()).toBe("taken");
    await file.write("new");
    expect(await file.read()).toBe("new");
  });

  test("is nobody's business where it is another's, or says nothing", async () => {
    for (const namespace of [other.namespaceId, null]) {
      await former(namespace, `${process.pid} ?`);
      expect(await createRampFile(place).read()).toBeNull();
      expect(await createRampFile(place).isLocked()).toBe(false);
    }
  });
});

describe("the lock of a process that is dead", () => {
  const ROUNDS = 25;
  const TAKERS = 4;
  const DEAD = "4194305 1";
  const lockPath = () => join(stateFolder(place), "ramp.lock");

  test("has one successor, however many want to be", async () => {
    await mkdir(stateFolder(place), { recursive: true });
    for (let round = 0; round < ROUNDS; round += 1) {
      await writeFile(lockPath(), `${DEAD}${round}`);
      const takers = Array.from({ length: TAKERS }, () => createRampFile(place).lock());
      const taken = await Promise.all(takers);
      expect(taken.filter((result) => result === "ours")).toHaveLength(1);
    }
    expect(await readdir(stateFolder(place))).toEqual(["ramp.lock"]);
  });

  test("is taken over with what its killed takers have left; what a living one is writing stays", async () => {
    const folder = stateFolder(place);
    await mkdir(folder, { recursive: true });
    await writeFile(lockPath(), DEAD);
    const living = `${process.pid} ?`;
    const left = {
      "ramp.lock.aaaa.new": DEAD,
      "ramp.lock.bbbb.new": "",
      "ramp.lock.cccc.claim": DEAD,
      "ramp.lock.dddd.new": living,
      "ramp.lock.eeee.new": "",
      "ramp.json": "ours",
    };
    for (const [name, text] of Object.entries(left)) await writeFile(join(folder, name), text);
    await utimes(join(folder, "ramp.lock.bbbb.new"), 0, 0);
    expect(await createRampFile(place).lock()).toBe("ours");
    const kept = ["ramp.json", "ramp.lock", "ramp.lock.dddd.new", "ramp.lock.eeee.new"];
    expect((await readdir(folder)).sort()).toEqual(kept);
  });

  test("is not taken by somebody slow who read it before its successor did", async () => {
    await mkdir(stateFolder(place), { recursive: true });
    await writeFile(lockPath(), DEAD);
    expect(await createRampFile(place).lock()).toBe("ours");
    const successor = await readFile(lockPath(), "utf8");
    expect(await succeed(lockPath(), DEAD, "1 slow")).toBe(false);
    expect(await readFile(lockPath(), "utf8")).toBe(successor);
    expect(await readdir(stateFolder(place))).toEqual(["ramp.lock"]);
  });

  test("is taken over also when its first successor died before it had it", async () => {
    await mkdir(stateFolder(place), { recursive: true });
    await writeFile(lockPath(), DEAD);
    const claim = createHash("sha256").update(DEAD).digest("hex").slice(0, 16);
    await writeFile(`${lockPath()}.${claim}.claim`, `${DEAD}9`);
    expect(await createRampFile(place).lock()).toBe("ours");
    expect(await readdir(stateFolder(place))).toEqual(["ramp.lock"]);
  });
});
