/** The one thing to do next, as text. */
import type { Target } from "../config/environment.ts";
import { invocation, shellWord } from "../text/invocation.ts";
import type { Next } from "./known.ts";

/** Ready to paste where it is a command. */
export function nextText(next: Next, target: Pick<Target, "env" | "configPath">): string {
  if (next.kind === "notify") return next.text;
  const { words, reason, note } = next;
  const why = reason === undefined ? "" : ` --reason ${reason === "" ? '"…"' : shellWord(reason)}`;
  return `${invocation(target, words)}${why}${note === undefined ? "" : `   # ${note}`}`;
}
