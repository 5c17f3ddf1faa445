/**
 * The only writer to the terminal: answers to stdout, talk to stderr, colour per stream, closed pipes
 * tolerated. A stop must go on when nobody reads its output any more.
 */
import pc from "picocolors";
import { escapeForTerminal } from "../domain/escape.ts";

export interface Console {
  /** The answer. */
  out(text: string): void;
  /** Progress, warnings, errors. */
  err(text: string): void;
}

export interface ConsoleOptions {
  color: boolean;
  env: NodeJS.ProcessEnv;
}

type Paint = ReturnType<typeof pc.createColors>;

export function createConsole(options: ConsoleOptions): Console {
  return {
    out: writer(process.stdout, options),
    err: writer(process.stderr, options),
  };
}

function writer(stream: NodeJS.WriteStream, options: ConsoleOptions): (text: string) => void {
  const paint = pc.createColors(wantsColor(stream, options));
  let open = true;
  stream.on("error", () => {
    open = false;
  });
  return (text) => {
    if (!open || text === "") return;
    const safe = text.split("\n").map(escapeForTerminal).join("\n");
    stream.write(`${paintLines(safe, paint)}\n`);
  };
}

/** picocolors looks at stdout alone and turns colour on under CI; each stream decides for itself. */
export function wantsColor(stream: { isTTY?: boolean }, { color, env }: ConsoleOptions): boolean {
  return color && stream.isTTY === true && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
}

/** Colour follows the symbol that begins a line, so it never carries meaning alone. */
function paintLines(text: string, paint: Paint): string {
  if (!paint.isColorSupported) return text;
  return text
    .split("\n")
    .map((line) => {
      const symbol = line.trimStart().charAt(0);
      if (symbol === "✔") return paint.green(line);
      if (symbol === "✖") return paint.red(line);
      if (symbol === "!") return paint.yellow(line);
      return symbol === "→" ? paint.bold(line) : line;
    })
    .join("\n");
}
