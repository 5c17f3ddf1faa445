/** The hosts that the operator has allowed to get tokens: a list of his own, an option, the environment. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { AllowedHosts } from "../domain/config/token-hosts.ts";
import { parseHosts } from "../domain/config/token-hosts.ts";
import { examinePath } from "./trusted-path.ts";

const MAX_BYTES = 64 * 1024;

export interface HostList {
  hosts: AllowedHosts;
  /** Where the operator adds to it. */
  file: string;
  /** Why the file is not used; null when it is, or is not there. */
  problem: string | null;
}

export interface HostSources {
  env: Readonly<Record<string, string | undefined>>;
  home: string;
  /** `--allow-host`. */
  option?: string | undefined;
}

/** Your own folder for configuration. A relative `XDG_CONFIG_HOME` means nothing, as its rules say. */
export function ownConfigDir({ env, home }: Pick<HostSources, "env" | "home">): string {
  const xdg = env.XDG_CONFIG_HOME;
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(home, ".config");
  return join(base, "pixcanary");
}

/** Never throws. */
export async function loadAllowedHosts(sources: HostSources): Promise<HostList> {
  const file = join(ownConfigDir(sources), "allowed-hosts");
  const given = [sources.option, sources.env.PIXCANARY_ALLOWED_HOSTS].flatMap((text) =>
    text === undefined ? [] : parseHosts(text),
  );
  const { text, problem } = await readOwn(file);
  return { hosts: new Set([...given, ...parseHosts(text)]), file, problem };
}

async function readOwn(path: string): Promise<{ text: string; problem: string | null }> {
  try {
    const { real, problem } = await examinePath(path);
    if (problem !== null) return { text: "", problem: `${path} was ignored: ${problem}` };
    const file = await open(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      if (!(await file.stat()).isFile()) return { text: "", problem: `${path} is not a file` };
      const buffer = Buffer.alloc(MAX_BYTES);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      return { text: buffer.toString("utf8", 0, bytesRead), problem: null };
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "error";
    if (code === "ENOENT" || code === "ENOTDIR") return { text: "", problem: null };
    return { text: "", problem: `cannot read ${path} (${code})` };
  }
}
