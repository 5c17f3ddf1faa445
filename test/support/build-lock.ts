/** What every builder of test files' bundles needs: is it current, and who builds it. */
import { mkdir, rm, stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

/** Null when there is no such file. */
export async function modifiedAt(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    return null;
  }
}

/**
 * Test files run in several processes; one of them builds. Resolves to what gives the lock back; a
 * holder older than the limit counts as dead. Throws when it is still held at the end of the limit.
 */
export async function buildLock(path: string, limitMs: number): Promise<() => Promise<void>> {
  const deadlineMs = Date.now() + limitMs;
  for (;;) {
    try {
      await mkdir(path);
      return () => rm(path, { recursive: true, force: true });
    } catch {
      const heldSinceMs = await modifiedAt(path);
      const stale = heldSinceMs !== null && Date.now() - heldSinceMs > limitMs;
      if (stale) await rm(path, { recursive: true, force: true });
      if (Date.now() > deadlineMs) throw new Error(`${path} is held by another build`);
      await delay(50);
    }
  }
}
