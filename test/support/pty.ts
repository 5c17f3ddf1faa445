/** A shell or a program on a terminal of its own, for what only happens there. Uses `script` of util-linux. */
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

/** What is waited for on the terminal, and the keys that are then typed. */
export type Answer = readonly [question: string, keys: string];

/** Each answer is typed when its question is there. Returns what the terminal showed, and the exit code. */
export async function converse(
  command: string,
  answers: readonly Answer[],
  options: { cwd: string; env: Readonly<Record<string, string>> },
): Promise<{ shown: string; code: number | null }> {
  const line = `stty rows 50 cols 160; exec ${command}`;
  const child = spawn("script", ["-qfec", line, "/dev/null"], {
    cwd: options.cwd,
    env: { ...options.env, TERM: "xterm", CI: "" },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const left = [...answers];
  let shown = "";
  let since = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    shown += stripVTControlCharacters(chunk.toString("utf8"));
    for (let [next] = left; next !== undefined; [next] = left) {
      const at = shown.indexOf(next[0], since);
      if (at === -1) return;
      since = at + next[0].length;
      left.shift();
      child.stdin.write(next[1]);
    }
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { shown, code };
}
