/** Where secrets come from. They are never flags, and nothing here can print one. */
import { constants, type Stats } from "node:fs";
import { open } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { shellWord } from "../domain/text/invocation.ts";

const HIDDEN = "***";
const MAX_SECRET_BYTES = 4_096;
const STDIN_TIMEOUT_MS = 10_000;
/** As Cloudflare has made them since 2025: of a user, an account, or a global key. Older ones have no form of their own. */
export const API_TOKEN_FORM = "cf(?:ut|at|k)_[A-Za-z0-9_-]+";

/** A value that shows as `***` wherever it is printed; only `reveal` gives it. */
export class Secret {
  readonly #value: string;
  /** Where it came from, for `doctor`: never the value. */
  readonly source: string;

  constructor(value: string, source: string) {
    this.#value = value;
    this.source = source;
  }
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return HIDDEN;
  }
  toJSON(): string {
    return HIDDEN;
  }
  [Symbol.toPrimitive](): string {
    return HIDDEN;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return HIDDEN;
  }
}

/** A secret that cannot be used; the message says why and the hint what to type. */
export class SecretError extends Error {
  override readonly name = "SecretError";
  readonly hint: string;
  /** The one command that helps, where the hint is that; null otherwise. */
  readonly command: string | null;
  constructor(message: string, hint: string | { run: string }) {
    super(message);
    this.command = typeof hint === "string" ? null : hint.run;
    this.hint = typeof hint === "string" ? hint : `run: ${hint.run}`;
  }
}

export const SECRET_NAMES = [
  "CLOUDFLARE_API_TOKEN",
  "PIXCANARY_QA_TOKEN",
  "PIXCANARY_SESSION",
  "PIXCANARY_PAGERDUTY_KEY",
  "PIXCANARY_SLACK_WEBHOOK",
  "PIXCANARY_WEBHOOK_TOKEN",
  "DATABASE_URL",
  "PIXCANARY_R2_KEY",
] as const;
export type SecretName = (typeof SECRET_NAMES)[number];

/** What a command has not asked for yet may be quoted all the same. */
export function secretsIn(env: SecretSources["env"]): Secret[] {
  return SECRET_NAMES.flatMap((name) => {
    const value = env[name]?.trim();
    return value ? [new Secret(value, `environment ${name}`)] : [];
  });
}

export interface SecretSources {
  name: SecretName;
  env: Readonly<Record<string, string | undefined>>;
  /** A path, or `-` for standard input: what the operator named on the command line. */
  option?: string | undefined;
  /** A path from the configuration file. */
  configured?: string | undefined;
  /** What a relative `configured` path starts from: the configuration file's folder. */
  baseDir: string;
  /** What `~/` stands for in it. */
  home: string;
  stdin: Readable & { isTTY?: boolean };
  /** Told of a file that others can reach, which is then used all the same; without it such a file is refused. */
  onExposed?: ((problem: string) => void) | undefined;
}

/**
 * Explicit option, then environment variable, then configured file. Null when none is given.
 * Throws SecretError for a source that exists but cannot be used: it never falls back silently.
 */
export async function loadSecret(sources: SecretSources): Promise<Secret | null> {
  const secret = await findSecret(sources);
  if (secret !== null) loaded.push(secret);
  return secret;
}

const loaded: Secret[] = [];

/** All secrets of this process so far: a crash may quote any of them. */
export function loadedSecrets(): readonly Secret[] {
  return loaded;
}

async function findSecret(sources: SecretSources): Promise<Secret | null> {
  const { name, env, option, configured, baseDir, home } = sources;
  if (option === "-") return checked(name, await readStdin(name, sources.stdin), "standard input");
  if (option !== undefined) return fromFile(resolve(expandHome(option, home)), sources);
  const value = env[name];
  if (value !== undefined && value !== "") return checked(name, value, `environment ${name}`);
  if (configured === undefined) return null;
  const path = expandHome(configured, home);
  return fromFile(isAbsolute(path) ? path : join(baseDir, path), sources);
}

async function fromFile(path: string, sources: SecretSources): Promise<Secret> {
  return checked(sources.name, await readSecretFile(path, sources), `file ${path}`);
}

/** Checks the open file, not its name: the two cannot be swapped in between. */
async function readSecretFile(path: string, { name, onExposed }: SecretSources): Promise<string> {
  const hint = `put the ${name} into it and run: chmod 600 ${shellWord(path)}`;
  // Without O_NONBLOCK a named pipe would wait for a writer for ever.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    throw new SecretError(`cannot read the secret file ${path} (${error.code ?? "error"})`, hint);
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new SecretError(`${path} is not a regular file`, hint);
    const exposed = exposureOf(path, stat);
    if (exposed !== null && onExposed === undefined) throw exposed;
    if (exposed !== null) onExposed?.(`${exposed.message}; ${exposed.hint}`);
    const buffer = Buffer.alloc(MAX_SECRET_BYTES + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Null for a file of one's own that nobody else can read or change. */
export function exposureOf(path: string, stat: Stats): SecretError | null {
  const uid = process.getuid?.();
  if (uid === undefined) return null;
  if (stat.uid !== uid) {
    const message = `the secret file ${path} belongs to another user`;
    return new SecretError(message, "use a file of your own");
  }
  if ((stat.mode & 0o077) === 0) return null;
  const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
  const message = `the secret file ${path} can be read or changed by others (mode ${mode})`;
  return new SecretError(message, { run: `chmod 600 ${shellWord(path)}` });
}

async function readStdin(name: SecretName, stdin: SecretSources["stdin"]): Promise<string> {
  const hint = `pipe it in, e.g.: pass show ${name} | pixcanary …`;
  if (stdin.isTTY === true) {
    throw new SecretError(
      `refusing to read the ${name} from a terminal, where it would be visible`,
      hint,
    );
  }
  const limit = AbortSignal.timeout(STDIN_TIMEOUT_MS);
  const chunks: Buffer[] = [];
  let size = 0;
  const stop = (): void => void stdin.destroy(new Error("time"));
  limit.addEventListener("abort", stop, { once: true });
  try {
    for await (const chunk of stdin) {
      const bytes = Buffer.from(chunk);
      chunks.push(bytes);
      size += bytes.length;
      if (size > MAX_SECRET_BYTES) break;
    }
  } catch {
    const waited = limit.aborted
      ? `no input within ${STDIN_TIMEOUT_MS / 1000} s`
      : "the input ended early";
    throw new SecretError(`cannot read the ${name} from standard input: ${waited}`, hint);
  } finally {
    limit.removeEventListener("abort", stop);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Trims; a token with blanks or control characters in it could split or forge a header. */
function checked(name: SecretName, raw: string, source: string): Secret {
  const hint = `check the ${source}: one line, the token alone`;
  if (Buffer.byteLength(raw) > MAX_SECRET_BYTES) {
    throw new SecretError(
      `the ${name} from ${source} is longer than ${MAX_SECRET_BYTES} bytes`,
      hint,
    );
  }
  const value = raw.trim();
  if (value === "") throw new SecretError(`the ${name} from ${source} is empty`, hint);
  if (!/^[\x21-\x7e]+$/.test(value)) {
    const what = "blanks, control characters or non-ASCII characters";
    throw new SecretError(`the ${name} from ${source} holds ${what}`, hint);
  }
  if (name !== "CLOUDFLARE_API_TOKEN" && new RegExp(`^${API_TOKEN_FORM}$`).test(value)) {
    throw apiTokenIn(name, source);
  }
  return new Secret(value, source);
}

/** What no other host than Cloudflare's may ever get. */
export function apiTokenIn(name: SecretName, source: string): SecretError {
  return new SecretError(
    `the ${name} from ${source} is a Cloudflare API token, and was not used`,
    `check that CLOUDFLARE_API_TOKEN and ${name} are not swapped`,
  );
}

/** `~/` at the start of a configured path. */
export function expandHome(path: string, home: string): string {
  return path.startsWith("~/") ? join(home, path.slice(2)) : path;
}
