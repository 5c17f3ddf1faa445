/** What `logs pull` writes next to the files, and what `logs errors` reads with them. */
import * as z from "zod";
import { once } from "../lib/lazy.ts";

export const MANIFEST_FILE = "manifest.json";

/** RFC 3339, UTC; the time of the events that are wanted, not of the files. */
const windowSchema = once(() => z.object({ since: z.iso.datetime(), until: z.iso.datetime() }));

/** Made at its first use: a stop does without it. */
export const manifestSchema = once(() =>
  z.object({
    schema: z.literal(1),
    env: z.string().max(100),
    bucket: z.string().max(100),
    prefix: z.string().max(1_100),
    /** Null: everything below the prefix. */
    window: windowSchema().nullable(),
    files: z
      .array(
        z.object({
          /** In the bucket; may hold anything. */
          key: z.string().max(4_096),
          /** In this folder. */
          file: z.string().min(1).max(255),
          size: z.int().min(0),
          etag: z.string().max(200),
          /** Hex. */
          sha256: z.string().regex(/^[0-9a-f]{64}$/),
        }),
      )
      .max(1_000_000),
  }),
);

export type LogManifest = z.output<ReturnType<typeof manifestSchema>>;
export type ManifestFile = LogManifest["files"][number];
