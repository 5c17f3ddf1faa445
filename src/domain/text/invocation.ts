/** Command lines of ours that people paste. */
import type { Target } from "../config/environment.ts";

/** A pasteable command line for this environment. */
export function invocation(target: Pick<Target, "env" | "configPath">, words: string): string {
  const all = words.split(" ");
  const options = all.findIndex((word) => !/^[a-z][a-z-]*$/.test(word));
  const verb = options === -1 ? all : all.slice(0, options);
  const config = target.configPath === null ? [] : ["--config", shellWord(target.configPath)];
  return [
    "pixcanary",
    ...verb,
    ...config,
    "--env",
    shellWord(target.env),
    ...all.slice(verb.length),
  ].join(" ");
}

/** Quoted for a POSIX shell where that is needed. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : shellQuote(word);
}

/** One word for a POSIX shell. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
