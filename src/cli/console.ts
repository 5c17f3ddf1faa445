/**
 * The only writer to the terminal: answers to stdout, talk to stderr, colour per stream, closed pipes
 * tolerated. A stop must go on when nobody reads its output any more.
 */
import type { EventEmitter } from "node:events";
import pc from "picocolors";
import { escapeForTerminal, escapeLines } from "../domain/text/escape.ts";
import { wrapLines } from "./wrap-lines.ts";

export interface Console {
  /** The answer. */
  out(text: string): void;
  /** Progress, warnings, errors. */
  err(text: string): void;
  /** On stderr, in place of the line shown before; nothing without a terminal. */
  status?(text: string): void;
  /** Of the terminal that the answers go to, which are broken there by who knows them; null without one. */
  columns?: number | null;
  /** Aborted when nobody reads the answers any more; the reason is the error of the write. */
  gone?: AbortSignal;
}

export interface ConsoleOptions {
  color: boolean;
  env: NodeJS.ProcessEnv;
}

type Paint = ReturnType<typeof pc.createColors>;

type Stream = Pick<NodeJS.WriteStream, "write"> &
  EventEmitter & { isTTY?: boolean; columns?: number };

export function createConsole(
  options: ConsoleOptions,
  { stdout, stderr }: { stdout: Stream; stderr: Stream } = process,
): Console {
  const gone = new AbortController();
  const said = writer(stderr, options);
  const columns = columnsOf(stderr);
  const err = (text: string): void => said(wrapLines(escapeLines(text), columns));
  const out = writer(stdout, options, (error) => {
    gone.abort(error);
    if (!isClosedPipe(error)) err(`✖ the answer could not be written: ${reasonOf(error)}`);
  });
  const status = statusLine(stderr);
  return {
    out: (text) => status.away(() => out(text)),
    err: (text) => status.away(() => err(text)),
    status: status.show,
    columns: columnsOf(stdout),
    gone: gone.signal,
  };
}

function columnsOf(stream: Stream): number | null {
  return stream.isTTY === true ? (stream.columns ?? 80) : null;
}

/** A reader that has left, as `head` does, has what it wanted. */
export function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}

function reasonOf(error: NodeJS.ErrnoException): string {
  return error.code === "ENOSPC" ? "the disk is full" : (error.code ?? error.message);
}

const ERASE_LINE = "\r\u001b[2K";

/** The one line that moves. It goes before anything else is written, as both may be one terminal. */
function statusLine(stream: Stream) {
  let shown = false;
  return {
    show(text: string): void {
      if (stream.isTTY !== true) return;
      const line = escapeForTerminal(text).slice(0, (stream.columns ?? 80) - 1);
      stream.write(`${ERASE_LINE}${line}`);
      shown = line !== "";
    },
    away(write: () => void): void {
      if (shown) stream.write(ERASE_LINE);
      shown = false;
      write();
    },
  };
}

function writer(
  stream: Stream,
  options: ConsoleOptions,
  onClosed: (error: NodeJS.ErrnoException) => void = () => undefined,
): (text: string) => void {
  const paint = pc.createColors(wantsColor(stream, options));
  let open = true;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (open) onClosed(error);
    open = false;
  });
  return (text) => {
    if (!open || text === "") return;
    // A table's empty last cells are no text: scripts compare lines.
    const lines = escapeLines(text).replace(/[ \t]+$/gm, "");
    stream.write(`${paintLines(lines, paint)}\n`);
  };
}

/** picocolors looks at stdout alone and turns colour on under CI; each stream decides for itself. */
export function wantsColor(stream: { isTTY?: boolean }, { color, env }: ConsoleOptions): boolean {
  return color && stream.isTTY === true && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
}

/** Colour follows the symbol that begins a line, so it never carries meaning alone; a verdict is bold. */
export function paintLines(text: string, paint: Paint): string {
  if (!paint.isColorSupported) return text;
  return text
    .split("\n")
    .map((line) => {
      const symbol = line.trimStart().charAt(0);
      const large = line.startsWith(symbol) ? paint.bold : String;
      if (symbol === "✔") return large(paint.green(line));
      if (symbol === "✖") return large(paint.red(line));
      if (symbol === "!") return paint.yellow(line);
      return symbol === "→" ? paint.bold(line) : line;
    })
    .join("\n");
}
