/** What a pull has fetched. */
import type { PullProblem } from "./pull-files.ts";

export interface LogsPullData {
  /** Null when there was nothing to fetch. */
  folder: string | null;
  bucket: string;
  prefix: string;
  /** RFC 3339; null: everything below the prefix. */
  window: { since: string; until: string } | null;
  /** Found in the bucket. */
  files: number;
  fetched: number;
  /** Complete from an earlier run. */
  there: number;
  /** Of the files that are complete. */
  bytes: number;
  problems: PullProblem[];
}
