/** One object of the logs bucket into one file: checked, continued where it stopped, never trusted. */

import type { ManifestFile } from "../../domain/logs/manifest.ts";
import { counted, countText } from "../../domain/text/format.ts";
import type { CallOptions } from "../../ports/api.ts";
import { LocalError, UpstreamError } from "../../ports/errors.ts";
import type { FileFacts, LogFolder, LogObject } from "../../ports/logs.ts";
import type { Ports } from "../../ports/ports.ts";

export type Pulled =
  | { kind: "fetched" | "there"; entry: ManifestFile }
  | { kind: "problem"; problem: string };

export interface PullPlace {
  folder: LogFolder;
  /** What the manifest of an earlier run says of this file. */
  earlier: ManifestFile | null;
  onBytes: (count: number) => void;
}

const ATTEMPTS = 4;
const FIRST_DELAY_MS = 500;

/** Throws UpstreamError when asking on makes no sense, LocalError, and the signal's reason. */
export async function pullFile(
  object: LogObject,
  file: string,
  place: PullPlace,
  ports: Pick<Ports, "logs" | "clock" | "rng">,
  options: CallOptions,
): Promise<Pulled> {
  const there = await alreadyThere(object, file, place);
  if (there !== null) return there;
  let mismatched = false;
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await fetchOnce(object, file, place, ports, options);
    if (outcome.kind === "complete") {
      if (isSound(outcome.facts, object)) return keep(outcome.facts, object, file, place);
      if (mismatched) return setAside(file, place.folder);
      mismatched = true;
      await place.folder.dropPart(file);
    } else if (outcome.kind === "hopeless" || attempt >= ATTEMPTS) {
      return { kind: "problem", problem: outcome.problem };
    }
    const ceilingMs = FIRST_DELAY_MS * 2 ** attempt;
    await ports.clock.sleep(Math.floor(ports.rng.next() * ceilingMs), options.signal);
  }
}

async function alreadyThere(
  object: LogObject,
  file: string,
  { folder, earlier }: PullPlace,
): Promise<Pulled | null> {
  const facts = await folder.facts(file);
  if (facts === null) return null;
  const known =
    earlier !== null &&
    earlier.etag === object.etag &&
    earlier.size === facts.size &&
    earlier.sha256 === facts.sha256;
  // An earlier run may have ended before it wrote its manifest; the etag of one part says as much.
  const same = known || (isMd5(object.etag) && isSound(facts, object));
  return same ? { kind: "there", entry: entryOf(facts, object, file) } : null;
}

type Fetch =
  | { kind: "complete"; facts: FileFacts }
  | { kind: "again" | "hopeless"; problem: string };

async function fetchOnce(
  object: LogObject,
  file: string,
  { folder, onBytes }: PullPlace,
  ports: Pick<Ports, "logs">,
  options: CallOptions,
): Promise<Fetch> {
  const fromByte = await resumeFrom(object, file, folder);
  try {
    if (fromByte === object.size && fromByte > 0) {
      return {
        kind: "complete",
        facts: await folder.writePart(file, fromByte, nothing(), onBytes),
      };
    }
    const rest = fromByte === 0 ? {} : { rest: { fromByte, etag: object.etag } };
    const content = await ports.logs.archive.read(object.key, { ...options, ...rest });
    if (content.etag !== "" && content.etag !== object.etag) {
      return { kind: "hopeless", problem: "changed after it was listed; run the command again" };
    }
    const wanted = atMost(content.chunks, object.size - content.fromByte);
    const facts = await folder.writePart(file, content.fromByte, wanted, onBytes);
    if (facts.size === object.size) return { kind: "complete", facts };
    return {
      kind: "again",
      problem: `got ${countText(facts.size)} of ${counted(object.size, "byte")}`,
    };
  } catch (error) {
    return fromError(error, file, folder, options.signal);
  }
}

/** Only where the hash of the whole will tell whether both halves belong together. */
async function resumeFrom(object: LogObject, file: string, folder: LogFolder): Promise<number> {
  const size = await folder.partSize(file);
  return isMd5(object.etag) && size <= object.size ? size : 0;
}

async function fromError(
  error: unknown,
  file: string,
  folder: LogFolder,
  signal: AbortSignal,
): Promise<Fetch> {
  if (signal.aborted) throw error;
  if (!(error instanceof UpstreamError)) throw error;
  // 412: the object is another one than the part belongs to. 416: the part is longer than it.
  if (error.status === 412 || error.status === 416) {
    await folder.dropPart(file);
    return { kind: "again", problem: error.message };
  }
  if (error.kind === "auth" || error.kind === "forbidden") throw error;
  const hopeless = error.kind === "not-found" || error.kind === "rejected";
  return { kind: hopeless ? "hopeless" : "again", problem: error.message };
}

async function keep(
  facts: FileFacts,
  object: LogObject,
  file: string,
  { folder, earlier }: PullPlace,
): Promise<Pulled> {
  try {
    await folder.keepPart(file, { replace: earlier !== null });
  } catch (error) {
    // The name is taken by something that did not come from here.
    if (!(error instanceof LocalError)) throw error;
    return { kind: "problem", problem: error.message };
  }
  return { kind: "fetched", entry: entryOf(facts, object, file) };
}

async function setAside(file: string, folder: LogFolder): Promise<Pulled> {
  const name = await folder.setAside(file);
  const problem = `checksum mismatch twice; kept as ${name}, do not trust its content`;
  return { kind: "problem", problem };
}

function entryOf(facts: FileFacts, { key, etag }: LogObject, file: string): ManifestFile {
  return { key, file, size: facts.size, etag, sha256: facts.sha256 };
}

/** R2's etag of an object in one part is its MD5; that of several parts can only be compared. */
function isSound(facts: FileFacts, { size, etag }: LogObject): boolean {
  return facts.size === size && (!isMd5(etag) || facts.md5 === etag.toLowerCase());
}

function isMd5(etag: string): boolean {
  return /^[0-9a-f]{32}$/i.test(etag);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** An answer that is longer than its object is not that object. */
async function* atMost(
  chunks: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array> {
  let left = size;
  for await (const chunk of chunks) {
    left -= chunk.byteLength;
    if (left < 0) throw new UpstreamError("rejected", "received more bytes than the object has");
    yield chunk;
  }
}
