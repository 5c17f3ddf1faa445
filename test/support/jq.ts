/** The real jq, as WebAssembly: a machine need not have one of its own. */
import { createRequire } from "node:module";

interface Jq {
  raw(text: string, filter: string, flags: string[]): string;
}

/** The lines of `jq -r FILTER`. Throws what jq says when the filter or the text is wrong. */
export async function jq(text: string, filter: string): Promise<string[]> {
  const program = await loaded();
  return program.raw(text, filter, ["-r"]).split("\n");
}

let found: Promise<Jq> | null = null;

function loaded(): Promise<Jq> {
  found ??= createRequire(import.meta.url)("jq-web") as Promise<Jq>;
  return found;
}
