/** What `setup` needs from the world: an account that can be filled, and files of the operator. */
import type { Edit } from "../domain/setup/config-edit.ts";
import type { Signing } from "../domain/setup/key-rotation.ts";
import type { LogJob, LogPlace } from "../domain/setup/logpush-fields.ts";
import type { GeneratedName, GivenName } from "../domain/setup/worker-secrets.ts";
import type { CallOptions } from "./api.ts";
import type { Clock, Identity, Rng } from "./machine.ts";
import type { Progress } from "./terminal.ts";

/** A value that shows as `***` wherever it is printed. */
export interface Hidden {
  reveal(): string;
}

export interface Namespace {
  id: string;
  title: string;
}

/**
 * The account. All methods throw UpstreamError. What looks is repeated within reason; what makes is sent
 * once, as a second one could be made: after a failure, look.
 */
export interface AccountAdmin {
  namespaces(options: CallOptions): Promise<Namespace[]>;
  createNamespace(title: string, options: CallOptions): Promise<void>;
  /** Null when there is none. */
  value(namespaceId: string, key: string, options: CallOptions): Promise<string | null>;
  putValue(namespaceId: string, key: string, text: string, options: CallOptions): Promise<void>;
  hasBucket(name: string, options: CallOptions): Promise<boolean>;
  createBucket(name: string, options: CallOptions): Promise<void>;
  /** Without the secrets of their destinations. */
  logJobs(options: CallOptions): Promise<LogJob[]>;
  createLogJob(
    job: { name: string; place: LogPlace; worker: string; key: Hidden },
    options: CallOptions,
  ): Promise<void>;
  /** On, with all fields; where it delivers to stays. */
  repairLogJob(id: number, options: CallOptions): Promise<void>;
  /** Names alone; null when no such Worker is deployed. */
  secretNames(worker: string, options: CallOptions): Promise<string[] | null>;
  /** Repeated within reason: the same value again changes nothing. */
  putSecret(
    secret: { worker: string; name: string; value: Hidden },
    options: CallOptions,
  ): Promise<void>;
}

/** The operator's files with the Worker's secrets, 0600. All methods throw LocalError. */
export interface SecretFiles {
  /** What `wrangler secret bulk` takes. */
  readonly secretsPath: string;
  readonly qaTokenPath: string;
  /** Which of the two are there. */
  present(): Promise<{ secrets: boolean; qaToken: boolean }>;
  /** Writes what is missing and returns all; what is there is never overwritten. */
  complete(): Promise<Readonly<Record<GeneratedName, Hidden>>>;
}

/** The same files while keys are rotated: here, what is there is replaced. All methods throw LocalError. */
export interface KeyFiles {
  /** In order: the first signs. */
  cookieKeyIds(): Promise<readonly string[]>;
  /** The keys in this order; one that is not there is made. Returns COOKIE_KEYS, which is on disk by then. */
  arrange(ids: readonly string[]): Promise<Hidden>;
  /** A new /qa token for the Worker; that of an earlier run which was cut off, if there is one. */
  renewQaToken(): Promise<Hidden>;
  /** The token that the Worker now has is the operator's as well. */
  keepQaToken(): Promise<void>;
  signing(): Promise<Signing | null>;
  rememberSigning(signing: Signing | null): Promise<void>;
}

export interface TextFile {
  text: string;
  value: unknown;
}

/** JSON with comments, or TOML (`.toml`), that people write. All methods throw LocalError. */
export interface ConfigFiles {
  /** Null when there is no such file. */
  read(path: string): Promise<TextFile | null>;
  /** Every byte outside the edits stays. */
  edited(path: string, text: string, edits: readonly Edit[]): Promise<string>;
  /** At once, in place of `before` (null: no file), which must still be there. `check` refuses by throwing. */
  write(
    path: string,
    texts: { before: string | null; after: string },
    check?: (text: string) => Promise<unknown>,
  ): Promise<void>;
}

export interface SetupPorts {
  account: AccountAdmin;
  secretFiles: SecretFiles;
  configFiles: ConfigFiles;
  identity: Identity;
  clock: Pick<Clock, "now" | "sleep" | "timeout">;
  rng: Pick<Rng, "ulid">;
  progress: Pick<Progress, "note">;
  /** Of the notification channels. */
  given: Readonly<Partial<Record<GivenName, Hidden>>>;
  /** The S3 key of R2 that Logpush writes with; null when none was given. */
  r2Key: Hidden | null;
  /** Refuses a pixcanary.json that the other commands could not read. */
  checkConfig(text: string): Promise<unknown>;
  interrupt: AbortSignal;
}
