/** Who acts, as it goes into documents and the journal. */
import { hostname, userInfo } from "node:os";
import { GUARDIAN } from "../domain/guardian/document.ts";
import type { Identity } from "../ports/machine.ts";

const MAX_CHARS = 100;

/** `PIXCANARY_ACTOR` if set, else user@host like git. */
export function createIdentity(options: {
  env: Readonly<Record<string, string | undefined>>;
  version: string;
}): Identity {
  const host = printable(hostname()) || "unknown-host";
  const named = printable(options.env.PIXCANARY_ACTOR ?? "");
  const user = named || userName(options.env);
  // A person who is called as the guardian is must not be taken for it.
  const actor = named && user !== GUARDIAN ? named : printable(`${user}@${host}`);
  return { actor, host, tool: `pixcanary ${options.version}` };
}

/** In a container the user may have no entry in the password file: userInfo then throws. */
function userName(env: Readonly<Record<string, string | undefined>>): string {
  try {
    return userInfo().username;
  } catch {
    return env.USER || env.LOGNAME || `uid-${process.getuid?.() ?? "unknown"}`;
  }
}

function printable(text: string): string {
  return [...text.replace(/[\p{C}\p{Z}]+/gu, " ").trim()].slice(0, MAX_CHARS).join("").trim();
}
