/** The Worker of the account: its versions, its secrets, its triggers. There is one at most; the locations run it. */
import { randomUUID } from "node:crypto";
import { NO_WORKER, type RunningWorker, type WorkerUpload } from "../edge/worker.ts";
import type { TracedWorker } from "../logs/trace.ts";

export interface Version {
  id: string;
  /** Of its Worker. */
  name: string;
  number: number;
  createdAt: Date;
  upload: WorkerUpload;
}

interface Given {
  /** Null: nothing has been deployed. */
  name: string | null;
  secrets?: Iterable<readonly [string, string]>;
  /** Resolves when every location runs it; rejects when it does not start. */
  run(worker: RunningWorker): Promise<void>;
}

export class AccountWorker {
  readonly secrets: Map<string, string>;
  /** Its cron triggers. */
  crons: readonly string[] = [];
  readonly #run: Given["run"];
  readonly #versions = new Map<string, Version>();
  #name: string | null;
  #deployed: Version | null = null;
  /** Of the last change: what the locations run last is what is told of them. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ name, secrets = [], run }: Given) {
    this.#name = name;
    this.secrets = new Map(secrets);
    this.#run = run;
  }

  get name(): string | null {
    return this.#name;
  }

  /** As its trace events name it. */
  get traced(): TracedWorker {
    return { name: this.#name ?? "", versionId: this.#deployed?.id ?? "" };
  }

  get deployed(): Version | null {
    return this.#deployed;
  }

  version(id: string): Version | null {
    return this.#versions.get(id) ?? null;
  }

  /** What the locations run from their start; it is given to them by the caller. */
  begin(name: string, upload: WorkerUpload): RunningWorker {
    this.crons = ["* * * * *"];
    this.#name = name;
    this.#deployed = this.add(name, upload, "sandbox");
    return this.running(this.#deployed);
  }

  /** A version of the Worker with this name, which nothing runs yet. */
  add(name: string, upload: WorkerUpload, id: string = randomUUID()): Version {
    const version = {
      id,
      name,
      number: this.#versions.size + 1,
      createdAt: new Date(),
      upload,
    };
    this.#versions.set(version.id, version);
    return version;
  }

  /** With these secrets besides. Rejects when it does not start: all is then as it was before. */
  deploy(version: Version, secrets: Readonly<Record<string, string>> = {}): Promise<void> {
    return this.#inTurn(async () => {
      const before = { deployed: this.#deployed, secrets: [...this.secrets] };
      for (const [name, text] of Object.entries(secrets)) this.secrets.set(name, text);
      try {
        await this.#run(this.running(version));
      } catch (error) {
        this.secrets.clear();
        for (const [name, text] of before.secrets) this.secrets.set(name, text);
        await this.#run(before.deployed === null ? NO_WORKER : this.running(before.deployed));
        throw error;
      }
      this.#deployed = version;
      this.#name = version.name;
    });
  }

  /** Null removes one. The Worker has them when this resolves. */
  setSecrets(changes: Readonly<Record<string, string | null>>): Promise<void> {
    return this.#inTurn(async () => {
      let changed = false;
      for (const [name, text] of Object.entries(changes)) {
        if ((this.secrets.get(name) ?? null) === text) continue;
        if (text === null) this.secrets.delete(name);
        else this.secrets.set(name, text);
        changed = true;
      }
      if (changed && this.#deployed !== null) await this.#run(this.running(this.#deployed));
    });
  }

  running({ id, upload }: Version): RunningWorker {
    return { ...upload, versionId: id, secrets: Object.fromEntries(this.secrets) };
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
