/** What the operator sees while a command runs. */

/** One line of progress for the operator, as it happens. */
export interface Progress {
  stage(stage: Stage): void;
  note(text: string): void;
  warn(text: string): void;
  /** How far it is; each takes the place of the one before. Not shown where that cannot be done. */
  update(text: string): void;
  /** Shown, with the seconds, until the function that it returns is called. */
  waiting(text: string): () => void;
}

export type Stage =
  | { kind: "written"; what: "stop" | "config" | "version" | "route"; elapsedMs: number }
  /** By the Worker itself, to these carriers. */
  | { kind: "written"; what: "worker"; carriers: readonly string[]; elapsedMs: number }
  | { kind: "stored"; what: "stop" | "config"; elapsedMs: number }
  /** `gone`: it is deleted, and no longer seen there. */
  | { kind: "live" | "gone"; what: string; location: string; url: string; elapsedMs: number }
  | { kind: "waiting"; location: string; because: string; elapsedMs: number };

/** Where a command that runs for long shows what is going on. */
export interface Screen {
  /** A terminal that can be redrawn; else one line per change. */
  readonly inPlace: boolean;
  /** The operator wants documents (`--json`), not lines; never together with `inPlace`. */
  readonly json: boolean;
  /** Characters per line. */
  readonly columns: number;
  readonly rows: number;
  /** Replaces what was shown, line by line; only where `inPlace`. */
  show(text: string): void;
  /** One line that stays. */
  line(text: string): void;
  /** One JSON document on a line of its own; only where `json`. */
  document(value: object): void;
  /** Leaves the terminal as it was found, with the last view on it. */
  close(): void;
  /** As `close`, and takes the last view away: what is printed next says it all. */
  clear(): void;
}
