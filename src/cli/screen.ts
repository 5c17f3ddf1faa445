/** The terminal for commands that run for long: redrawn in place, or one line per change. */
import pc from "picocolors";
import { escapeForTerminal } from "../domain/text/escape.ts";
import { cut } from "../domain/text/width.ts";
import type { Screen } from "../ports/terminal.ts";
import type { Console } from "./console.ts";
import { paintLines, wantsColor } from "./console.ts";
import { jsonLine } from "./report.ts";
import { wrapLines } from "./wrap-lines.ts";

export interface ScreenOptions {
  json: boolean;
  color: boolean;
  env: NodeJS.ProcessEnv;
}

/** Redraws what differs from the last frame; hides the cursor meanwhile. */
interface Redraw {
  (text: string): void;
  /** Forgets the frame, so that the next one is drawn afresh below. */
  clear(): void;
  done(): void;
}

const CLEAR_SCREEN = "\u001b[H\u001b[2J";

export function createScreen(console: Console, options: ScreenOptions): Screen {
  const inPlace = canRedraw(process.stdout, options);
  const frames = inPlace ? createFrames(process.stdout, options) : null;
  return {
    inPlace,
    json: options.json,
    get columns() {
      return process.stdout.columns ?? 80;
    },
    get rows() {
      return process.stdout.rows ?? 24;
    },
    show: (text) => frames?.show(text),
    // The terminal would break it anywhere, and begin the next row with foreign text.
    line: (text) => console.out(wrapLines(escapeForTerminal(text), console.columns ?? null)),
    document: (value) => console.out(jsonLine(value)),
    close: () => frames?.close(),
    clear: () => frames?.clear(),
  };
}

/** A dumb terminal cannot move its cursor, and documents are for programs. */
function canRedraw(stream: { isTTY?: boolean }, { json, env }: ScreenOptions): boolean {
  return stream.isTTY === true && env.TERM !== "dumb" && !json;
}

/** The library is loaded with the first frame: a stop must not wait for it. */
function createFrames(stream: NodeJS.WriteStream, options: ScreenOptions) {
  const paint = pc.createColors(wantsColor(stream, options));
  const ascii = !isUtf8(options.env);
  let open = true;
  let latest = "";
  let width = stream.columns;
  let redraw: Redraw | null = null;
  let asked = false;
  const load = async (): Promise<void> => {
    const { createLogUpdate } = await import("log-update");
    if (!open) return;
    redraw = createLogUpdate(stream);
    draw();
  };
  const draw = (): void => {
    // After the terminal wrapped the old frame anew, nobody knows how many lines it takes.
    if (width !== stream.columns) {
      redraw?.clear();
      stream.write(CLEAR_SCREEN);
      width = stream.columns;
    }
    redraw?.(paintLines(frameOf(latest, stream.columns, ascii), paint));
  };
  return {
    show(text: string): void {
      if (!open) return;
      latest = text;
      if (!asked) void load();
      asked = true;
      draw();
    },
    /** The last frame stays where it is. */
    close(): void {
      open = false;
      redraw?.done();
    },
    clear(): void {
      redraw?.clear();
      this.close();
    },
  };
}

/** Safe lines that wrap nowhere. */
export function frameOf(text: string, columns: number, ascii: boolean): string {
  const safe = text.split("\n").map((line) => cut(escapeForTerminal(line), columns));
  return (ascii ? safe.map(toAscii) : safe).join("\n");
}

/** As POSIX has it: the first that is set decides. */
export function isUtf8(env: NodeJS.ProcessEnv): boolean {
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find((value) => (value ?? "") !== "");
  return /utf-?8/i.test(locale ?? "");
}

const ASCII: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ...{ "✔": "+", "✖": "x", "→": ">", "…": "~", "·": "|", "–": "-", Δ: "d", σ: "s" },
    ...{ "▁": "_", "▂": ".", "▃": "-", "▄": "=", "▅": "+", "▆": "*", "▇": "#", "█": "@" },
  }),
);

/** Character by character, so that the columns stay. */
function toAscii(line: string): string {
  return line.replace(/[^ -~]/gu, (char) => ASCII.get(char) ?? "?");
}
