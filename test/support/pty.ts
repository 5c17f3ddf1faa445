/** A shell on a terminal of its own, for what only happens there. Uses `script` of util-linux. */
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { stripVTControlCharacters } from "node:util";

export interface PtyShell {
  /**
   * Types `keys`, then clears the line and waits until all of it has been worked off. Returns what
   * the terminal showed meanwhile.
   */
  type(keys: string): Promise<string>;
  close(): Promise<void>;
}

const CLEAR_LINE = "\u0001\u000b";

/** `command` is for a POSIX shell; its prompt must be `ready> `. */
export async function ptyShell(
  command: string,
  options: { cwd: string; env: Readonly<Record<string, string>> },
): Promise<PtyShell> {
  const child = spawn("script", ["-qfec", `stty rows 200 cols 160; ${command}`, "/dev/null"], {
    ...options,
    stdio: ["pipe", "pipe", "ignore"],
  });
  const news = new EventEmitter();
  const closed = once(child, "close").then(() => news.emit("news"));
  let heard = "";
  child.stdout.on("data", (chunk: Buffer) => {
    heard += chunk.toString("utf8");
    news.emit("news");
  });
  const until = async (mark: RegExp): Promise<void> => {
    while (!mark.test(heard)) {
      if (child.exitCode !== null) throw new Error(`the shell has ended:\n${heard}`);
      await once(news, "news");
    }
  };
  await until(/ready> /);
  let count = 0;
  return {
    async type(keys) {
      heard = "";
      count += 1;
      // Split, so that the echo of what is typed is not the answer.
      child.stdin.write(`${keys}${CLEAR_LINE}echo EN''D-${count}.\r`);
      // With the prompt, the shell reads keys again and no longer lines.
      await until(new RegExp(`END-${count}\\.[^]*ready> `));
      return stripVTControlCharacters(heard);
    },
    async close() {
      child.kill();
      await closed;
    },
  };
}
