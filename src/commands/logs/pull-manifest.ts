/** The manifest of a folder of logs: where they come from, and which time is wanted. */

import type { LogWindow } from "../../domain/logs/batch-name.ts";
import type { LogManifest } from "../../domain/logs/manifest.ts";
import type { LogFolder } from "../../ports/logs.ts";
import type { Ports } from "../../ports/ports.ts";

/** Goes on with that of an earlier run; null when that was of another place. */
export async function manifestFor(
  folder: LogFolder,
  { window, prefix }: { window: LogWindow | null; prefix: string },
  { target, logs }: Pick<Ports, "target" | "logs">,
): Promise<LogManifest | null> {
  const { env } = target;
  const bucket = logs.archive.place?.bucket ?? "";
  const earlier = await folder.manifest();
  if (earlier === null) {
    return { schema: 1, env, bucket, prefix, window: windowField(window), files: [] };
  }
  const same = earlier.env === env && earlier.bucket === bucket && earlier.prefix === prefix;
  return same ? { ...earlier, window: windowField(joined(earlier.window, window)) } : null;
}

export function windowField(window: LogWindow | null): LogManifest["window"] {
  if (window === null) return null;
  const { sinceMs, untilMs } = window;
  return { since: new Date(sinceMs).toISOString(), until: new Date(untilMs).toISOString() };
}

/** From the earlier beginning to the later end. */
function joined(a: LogManifest["window"], b: LogWindow | null): LogWindow | null {
  if (a === null || b === null) return null;
  return {
    sinceMs: Math.min(Date.parse(a.since), b.sinceMs),
    untilMs: Math.max(Date.parse(a.until), b.untilMs),
  };
}
