/** Which hosts may get the operator's tokens: a configuration names hosts, but does not make them trusted. */
import { shellWord } from "../text/invocation.ts";
import { OFFICIAL_API_URL } from "./environment.ts";
import { isLoopback, parseUrl } from "./safe-url.ts";

/** Host names as URLs spell them, without ports. */
export type AllowedHosts = ReadonlySet<string>;

export const NO_HOSTS: AllowedHosts = new Set();

/** For `doctor`: where a token is sent. */
export interface TokenHost {
  token: string;
  host: string;
  allowed: boolean;
}

/** Host names or addresses, between blanks, commas and ends of lines; `#` begins a comment. */
export function parseHosts(text: string): string[] {
  const words = text.replace(/#.*/g, "").split(/[\s,]+/);
  return words
    .map((word) => hostOf(word.includes("://") ? word : `https://${word}`))
    .filter(Boolean);
}

/** The API's own host, this very machine, and what the operator has allowed. */
export function mayGetToken(url: string, allowed: AllowedHosts): boolean {
  const host = hostOf(url);
  if (host === "") return false;
  return host === hostOf(OFFICIAL_API_URL) || isLoopback(host) || allowed.has(host);
}

/** Empty for what is no URL. */
export function hostOf(url: string): string {
  return parseUrl(url)?.hostname ?? "";
}

/** Hosts of `urls` that may not get a token, each once. */
export function strangersIn(urls: readonly string[], allowed: AllowedHosts): string[] {
  const strangers = urls.filter((url) => !mayGetToken(url, allowed)).map(hostOf);
  return [...new Set(strangers)].filter((host) => host !== "");
}

/** For a POSIX shell; `file` is the list of the operator's own. Readable to the owner alone, as others could add to it. */
export function allowCommand(hosts: readonly string[], file: string): string {
  const folder = file.slice(0, file.lastIndexOf("/"));
  const words = hosts.map(shellWord).join(" ");
  return `(umask 77; mkdir -p ${shellWord(folder)} && printf '%s\\n' ${words} >> ${shellWord(file)})`;
}
