/** The parent's side of chdb-child.ts: started at the first request, ended with the sandbox. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ChildReply, ChildRequest } from "./chdb-child.ts";

type Ask = ChildRequest extends infer R ? (R extends ChildRequest ? Omit<R, "id"> : never) : never;

interface Waiting {
  resolve(text: string): void;
  reject(error: Error): void;
}

/** The query itself was wrong, or too much: its author can do something about it. */
export class QueryError extends Error {
  override readonly name = "QueryError";
}

/** Above chDB's own limit, and with room for its start on a busy machine. */
const ANSWER_LIMIT_MS = 30_000;
const END_LIMIT_MS = 2_000;
const KEPT_STDERR_CHARS = 500;

export class Chdb {
  #child: Promise<ChildProcess> | null = null;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #gone: string | null = null;
  #stderr = "";
  #cleanUp: () => Promise<void> = () => Promise.resolve();

  get started(): boolean {
    return this.#child !== null;
  }

  /** Rejects with QueryError for what chDB refuses, and with Error when there is no chDB. */
  async ask(request: Ask): Promise<string> {
    this.#child ??= this.#start();
    const child = await this.#child;
    if (this.#gone !== null) throw new Error(this.#gone);
    const id = this.#nextId++;
    const answered = new Promise<string>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    const limit = setTimeout(() => this.#lose("chDB gave no answer in time"), ANSWER_LIMIT_MS);
    child.send({ ...request, id } satisfies ChildRequest);
    try {
      return await answered;
    } finally {
      clearTimeout(limit);
      this.#waiting.delete(id);
    }
  }

  async close(): Promise<void> {
    this.#lose("the sandbox is closing");
    const child = await this.#child?.catch(() => null);
    if (child != null && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      if (child.connected) child.disconnect();
      const kill = setTimeout(() => child.kill("SIGKILL"), END_LIMIT_MS);
      await ended;
      clearTimeout(kill);
    }
    await this.#cleanUp();
  }

  async #start(): Promise<ChildProcess> {
    const directory = await mkdtemp(join(tmpdir(), "pixcanary-metrics-"));
    const child = fork(program(), [directory], {
      execArgv: [],
      env: { TZ: "UTC", TMPDIR: directory },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    const endNow = (): void => {
      child.kill("SIGKILL");
      rmSync(directory, { recursive: true, force: true });
    };
    process.once("exit", endNow);
    this.#cleanUp = async () => {
      process.off("exit", endNow);
      await rm(directory, { recursive: true, force: true });
    };
    child.on("message", (reply: ChildReply) => this.#settle(reply));
    child.on("error", (error) => this.#lose(`chDB cannot be started: ${error.message}`));
    child.on("exit", () => this.#lose(`chDB has ended: ${this.#stderr.trim()}`));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-KEPT_STDERR_CHARS);
    });
    return child;
  }

  #settle(reply: ChildReply): void {
    const waiting = this.#waiting.get(reply.id);
    if ("text" in reply) waiting?.resolve(reply.text);
    else waiting?.reject(new QueryError(reply.error));
  }

  /** What was stored is lost with the process: there is no second start. */
  #lose(why: string): void {
    this.#gone ??= why;
    for (const { reject } of this.#waiting.values()) reject(new Error(this.#gone));
  }
}

/** Next to this file: as source, or in the bundle. */
function program(): string {
  const name = import.meta.url.endsWith(".ts") ? "./chdb-child.ts" : "./chdb-child.js";
  return fileURLToPath(new URL(name, import.meta.url));
}
