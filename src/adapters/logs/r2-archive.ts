/** The logs bucket through R2's REST API: listed by page, read as streams. */
import * as z from "zod";
import { once } from "../../domain/lib/lazy.ts";
import { withoutSlash } from "../../domain/logs/batch-name.ts";
import type { CallOptions } from "../../ports/api.ts";
import type { LogArchive, LogContent, LogObject } from "../../ports/logs.ts";
import type { Clock } from "../../ports/machine.ts";
import { createClock } from "../clock.ts";
import { ApiFailure, callApi, parseJson, streamApi } from "../cloudflare-call.ts";
import type { CloudflareClient } from "../cloudflare-client.ts";
import type { RawAnswer } from "../raw-get.ts";
import type { RetryPolicy } from "../retry.ts";
import { withRetries } from "../retry.ts";
import { type BucketPage, findBatches, type Listing } from "./find-batches.ts";
import { createPace, type Pace } from "./pace.ts";

export interface ArchiveOptions {
  client: CloudflareClient;
  accountId: string;
  /** Null when the environment names none. */
  bucket: string | null;
  prefix: string;
  clock?: Pick<Clock, "monotonic" | "sleep">;
  /** In [0, 1); for the jitter. */
  random?: () => number;
}

const LIST_MS = 30_000;

/** Keys may hold 1,024 bytes; R2's own interfaces list at most 1,000. REST documents no maximum. */
const PAGE_SIZES = [1_000, 100, 20] as const;

/** Reading changes nothing. A spent budget comes back within 5 minutes, which is worth the wait. */
const READ: Omit<RetryPolicy, "worthIt"> = {
  retries: 5,
  firstDelayMs: 300,
  maxDelayMs: 10_000,
  retryAfterLimitMs: 310_000,
  beyondLimit: "give-up",
};

interface Access {
  client: CloudflareClient;
  /** Of the bucket's objects, below the API's base. */
  objects: string;
  pace: Pace;
  clock: Pick<Clock, "monotonic" | "sleep">;
  random: () => number;
}

export function createLogArchive(options: ArchiveOptions): LogArchive {
  const { client, accountId, bucket } = options;
  if (bucket === null) return noBucket();
  const clock = options.clock ?? createClock();
  const access: Access = {
    client,
    objects: `/accounts/${accountId}/r2/buckets/${bucket}/objects`,
    pace: createPace(clock),
    clock,
    random: options.random ?? Math.random,
  };
  const place = { bucket, prefix: withoutSlash(options.prefix) };
  return {
    place,
    async *list(window, { prefix = place.prefix, ...call }) {
      const below = beginningOf(withoutSlash(prefix));
      const pages = (listing: Listing) => pagesOf(access, listing, call);
      if (window !== null) yield* findBatches(pages, below, window);
      else
        for await (const { objects } of pages({ prefix: below, startAfter: "", byFolder: false }))
          yield* objects;
    },
    read: (key, call) => retried(access, call, () => readOnce(access, key, call)),
  };
}

function noBucket(): LogArchive {
  const message = 'no logs: the environment has no "logsBucket" in pixcanary.json';
  const refuse = () => Promise.reject(new ApiFailure("not-found", message));
  return {
    place: null,
    // biome-ignore lint/correctness/useYield: it only fails
    list: async function* () {
      await refuse();
    },
    read: refuse,
  };
}

/** What all keys below the prefix begin with. Logpush's own `{DATE}` may have been copied with it. */
function beginningOf(prefix: string): string {
  const variable = prefix.indexOf("{");
  if (variable !== -1) return prefix.slice(0, variable);
  return prefix === "" ? "" : `${prefix}/`;
}

/** Follows the cursor, also past pages without objects. */
async function* pagesOf(
  access: Access,
  listing: Listing,
  call: CallOptions,
): AsyncGenerator<BucketPage> {
  let size = 0;
  let cursor = "";
  for (;;) {
    const page: Page | "page-too-large" = await retried(access, call, () =>
      pageOnce(access, { ...listing, cursor, size }, call),
    );
    if (page === "page-too-large") {
      size += 1;
      continue;
    }
    yield { ...page, more: page.cursor !== "" };
    if (page.cursor === "") return;
    if (page.cursor === cursor)
      throw new ApiFailure("rejected", `${WHAT}: the API keeps returning the same page`);
    cursor = page.cursor;
  }
}

const WHAT = "list the logs";

interface Page {
  objects: LogObject[];
  folders: string[];
  cursor: string;
}

interface PageWanted extends Listing {
  cursor: string;
  /** Index into PAGE_SIZES. */
  size: number;
}

async function pageOnce(
  { client, objects }: Access,
  { prefix, startAfter, byFolder, cursor, size }: PageWanted,
  { signal }: CallOptions,
): Promise<Page | "page-too-large"> {
  const query = {
    per_page: PAGE_SIZES[size] ?? 20,
    ...(prefix === "" ? {} : { prefix }),
    ...(byFolder ? { delimiter: "/" } : {}),
    // A cursor goes on by itself; both at once is asking for two places.
    ...(cursor === "" ? (startAfter === "" ? {} : { start_after: startAfter }) : { cursor }),
  };
  const call = {
    what: WHAT,
    method: "get" as const,
    path: objects,
    query,
    timeoutMs: LIST_MS,
    signal,
  };
  try {
    return pageOf((await callApi(client, call)).text);
  } catch (error) {
    const refused = error instanceof ApiFailure && error.status === 400;
    if (refused && cursor === "" && size + 1 < PAGE_SIZES.length) return "page-too-large";
    throw error;
  }
}

// Made at its first use: a stop does without it.
const pageSchema = once(() =>
  z.object({
    success: z.literal(true),
    result: z.array(
      z.object({
        key: z.string().min(1),
        size: z.coerce.number().int().min(0),
        etag: z.string().max(200).default(""),
        last_modified: z.string().max(100).optional(),
      }),
    ),
    result_info: z
      .object({
        cursor: z.string().nullish(),
        is_truncated: z.boolean().nullish(),
        delimited: z.array(z.string().min(1)).nullish(),
      })
      .nullish(),
  }),
);

function pageOf(text: string): Page {
  const parsed = pageSchema().safeParse(parseJson(text));
  if (!parsed.success) {
    throw new ApiFailure("unavailable", `${WHAT}: the answer is not that of R2`);
  }
  const { result, result_info: info } = parsed.data;
  const objects = result.map(({ key, size, etag, last_modified }) => {
    const ms = Date.parse(last_modified ?? "");
    return { key, size, etag: bare(etag), lastModifiedMs: Number.isNaN(ms) ? null : ms };
  });
  const folders = info?.delimited ?? [];
  return { objects, folders, cursor: info?.is_truncated === false ? "" : (info?.cursor ?? "") };
}

async function readOnce(
  { client, objects }: Access,
  key: string,
  { signal, rest }: Parameters<LogArchive["read"]>[1],
): Promise<LogContent> {
  const path = `${objects}/${encodedKey(key)}`;
  const ranged =
    rest === undefined ? {} : { range: `bytes=${rest.fromByte}-`, "if-match": `"${rest.etag}"` };
  const answer = await streamApi(client, { what: "read a log", path, headers: ranged, signal });
  return contentOf(answer, rest?.fromByte ?? 0);
}

/** An API that ignores Range answers 200, from the first byte. */
async function contentOf(answer: RawAnswer, asked: number): Promise<LogContent> {
  const { status, header, chunks } = answer;
  const etag = bare(header("etag") ?? "");
  const length = lengthOf(header("content-length"));
  if (status === 200) return { etag, size: length, fromByte: 0, chunks };
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(header("content-range") ?? "");
  const fromByte = Number(range?.[1] ?? -1);
  if (fromByte === asked) {
    return { etag, size: lengthOf(range?.[2] ?? null), fromByte, chunks };
  }
  await chunks.return();
  throw new ApiFailure("rejected", "read a log: the API returned the wrong byte range");
}

function lengthOf(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** A key that is one dot or two cannot stand in a path; one with half a character not in a URL. */
function encodedKey(key: string): string {
  if (key !== "." && key !== ".." && key.isWellFormed()) return encodeURIComponent(key);
  throw new ApiFailure("rejected", "read a log: the API cannot address an object of this name");
}

/** Without the quotes and the mark of weak comparison that HTTP has. */
function bare(etag: string): string {
  return etag.replace(/^W\//, "").replace(/^"|"$/g, "");
}

function retried<T>(
  { pace, clock, random }: Access,
  { signal, onRetry }: CallOptions,
  attempt: () => Promise<T>,
): Promise<T> {
  const policy: RetryPolicy = {
    ...READ,
    worthIt(error) {
      if (error.kind !== "unavailable") return false;
      onRetry?.(error.message);
      return true;
    },
  };
  const once = async (): Promise<T> => {
    await pace.turn(signal);
    return attempt();
  };
  return withRetries(once, policy, { clock, random, signal });
}
