/** What native stands on, looked at past the Worker. All methods throw UpstreamError. */
import type { CallOptions } from "./api.ts";

export interface ActiveQuery {
  pid: number;
  /** Since it began. */
  seconds: number;
  /** From outside: shown escaped, or not at all. */
  query: string;
}

export interface DatabaseLook {
  /** Of clients; `limit` is the server's for all together. */
  connections: number;
  limit: number;
  /** How many of them are `active`, `idle`, `idle in transaction`, … */
  states: Readonly<Record<string, number>>;
  /** The longest first. */
  active: readonly ActiveQuery[];
  /** Connections of which this user may not see what they do. */
  hidden: number;
}

export interface DatabaseProbe {
  /** Reads, and writes nothing. `not-found` without DATABASE_URL. */
  look(options: CallOptions): Promise<DatabaseLook>;
}

export interface MediaProbe {
  /** Native's bucket; null when the environment names none. */
  readonly bucket: string | null;
  /** Writes, reads and deletes an object of its own. `not-found` when there is no such bucket. */
  tryOut(options: CallOptions): Promise<void>;
}
