/** Whether a process of this machine is still there. */
import { readFile } from "node:fs/promises";

/** By its number and its start: numbers are used again. */
export async function isAlive(lock: string | null): Promise<boolean> {
  const [pid = "", start = ""] = (lock ?? "").split(" ");
  if (!/^\d{1,10}$/.test(pid)) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const now = await startOf(Number(pid));
  return now === "?" || start === "?" || now === start;
}

/** In clock ticks since boot, from /proc; `?` where there is none. */
export async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "?";
}
