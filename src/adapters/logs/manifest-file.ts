/** The manifest of a folder with logs: anybody may have put something else under its name. */
import { constants } from "node:fs";
import { type LogManifest, manifestSchema } from "../../domain/logs/manifest.ts";
import { openRegular } from "../regular-file.ts";

/** Windows has no such flag. */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0);
const MAX_BYTES = 256 * 1024 * 1024;

/** Null for what is not there or is no manifest, for links, pipes and devices, and for what is too long. */
export async function readManifest(path: string): Promise<LogManifest | null> {
  const handle = await openRegular(path, FLAGS).catch(() => null);
  if (handle === null) return null;
  try {
    const { size } = await handle.stat();
    if (size > MAX_BYTES) return null;
    return manifestSchema().safeParse(JSON.parse(await handle.readFile("utf8"))).data ?? null;
  } catch {
    return null;
  } finally {
    await handle.close();
  }
}
