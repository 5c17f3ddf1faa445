/**
 * A folder of debts, a file each. Its name tells which process sees to it: the files of one that is gone are
 * taken over, by a rename, which one of several wins.
 */
import { createHash } from "node:crypto";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Debt, parseDebt } from "../domain/state/debt.ts";
import type { Debts } from "../ports/machine.ts";
import { makeFolder } from "./make-folder.ts";
import { isAlive, startOf } from "./process-life.ts";
import type { StatePlace } from "./state-folder.ts";
import { stateFolder } from "./state-folder.ts";
import { readText, writeWhole } from "./whole-file.ts";

const NAME = /^([0-9a-f]{32})\.(\d{1,10})-([^.]+)\.json$/;
const NONE = "0-0";

/** `deliver` starts the program's verb of that name by itself; null where there is no background. */
export function createDebts(place: StatePlace, deliver: (() => void) | null): Debts {
  const folder = join(stateFolder(place), "owed");
  const kept = new Set<string>();
  let owner: Promise<string> | null = null;
  const own = (): Promise<string> => {
    owner ??= startOf(process.pid).then((start) => `${process.pid}-${start.replace(/\W/g, "_")}`);
    return owner;
  };
  const path = async (id: string): Promise<string> => join(folder, `${id}.${await own()}.json`);
  /** For a person to look at: no process can do anything about it. */
  const setAside = async (id: string): Promise<void> => {
    await rename(await path(id), join(folder, `${id}.unreadable`));
    kept.delete(id);
  };
  // In their order: what was kept first must not come after what was kept last.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>, failed: T): Promise<T> => {
    const done = last.then(work).catch(() => failed);
    last = done;
    return done;
  };
  return {
    background: deliver !== null,
    keep: (debt) =>
      inTurn(async () => {
        await makeFolder(folder);
        await writeWhole(await path(idOf(debt)), JSON.stringify(debt));
        kept.add(idOf(debt));
        return true;
      }, false),
    drop: (debt) =>
      inTurn(async () => {
        if (kept.delete(idOf(debt))) await rm(await path(idOf(debt)), { force: true });
      }, undefined),
    leave: () =>
      inTurn(async () => {
        for (const id of kept) await rename(await path(id), join(folder, `${id}.${NONE}.json`));
        kept.clear();
      }, undefined),
    waiting: async () => (await unseenTo(folder)).length,
    takeOver: () =>
      inTurn(async () => {
        const found: Debt[] = [];
        for (const name of await unseenTo(folder)) {
          const id = name.slice(0, 32);
          const taken = await rename(join(folder, name), await path(id)).then(
            () => true,
            () => false,
          );
          if (!taken) continue;
          kept.add(id);
          const debt = parseDebt((await readText(await path(id))) ?? "");
          if (debt !== null) found.push(debt);
          else await setAside(id);
        }
        return found.sort((a, b) => (a.entry.at < b.entry.at ? -1 : 1));
      }, []),
    async passOn() {
      if (deliver !== null && (await unseenTo(folder)).length > 0) deliver();
    },
  };
}

/** Names of files that no living process sees to. */
async function unseenTo(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const alive = await Promise.all(
    names.map((name) => {
      const [, , pid, start] = NAME.exec(name) ?? [];
      return pid === undefined || (pid !== "0" && isAlive(`${pid} ${start}`));
    }),
  );
  return names.filter((_, nth) => alive[nth] === false);
}

function idOf({ entry }: Debt): string {
  return createHash("sha256").update(`${entry.id} ${entry.command}`).digest("hex").slice(0, 32);
}
