/**
 * The limits of waits in tests. They end a hang and judge nothing: whatever comes in the end comes long
 * before, on any machine. Who fails at once says so; only a test that would have hung takes this long.
 */
export const HANG_MS = 5 * 60_000;

/** For `vi.waitFor`, `vi.waitUntil` and `expect.poll`. */
export const PATIENCE = { timeout: HANG_MS, interval: 20 };

/**
 * The Worker's own limits are so many times as long where it is to be healthy: 250 ms for a read of KV
 * become 25 s.
 */
export const WORKER_PATIENCE = 100;

/** Likewise where a carrier is dead: telling the other one may take 12 s, and nobody waits much longer. */
export const DEAD_CARRIER_PATIENCE = 4;

/** The program's own limits likewise: 3 s for a look at `/qa` become 30 s. */
export const PROGRAM_PATIENCE = 10;

/** For `--timeout`, in seconds, of what goes on until its budget ends: all but the end comes long before. */
export const ENOUGH_S = "25";

/** For `--timeout`, in seconds: the command ends by what it sees, not by its budget. */
export const AMPLE_S = "240";
