/**
 * The Worker of the account: its versions, its deployments, its secrets, its triggers. There is one at most; the
 * locations run the versions of its newest deployment.
 */
import { randomUUID } from "node:crypto";
import type { RunningDeployment, WorkerUpload } from "../edge/worker.ts";
import type { TracedWorker } from "../logs/trace.ts";

/** What the API shows beside a version or a deployment. */
export interface Annotations {
  message?: string | undefined;
  tag?: string | undefined;
  triggeredBy: "upload" | "deployment" | "secret";
}

/** Immutable, its secrets included, as at Cloudflare: another secret is another version. */
export interface Version {
  id: string;
  /** Of its Worker. */
  name: string;
  number: number;
  createdAt: Date;
  upload: WorkerUpload;
  secrets: Readonly<Record<string, string>>;
  annotations: Annotations;
}

/** One or two versions; the percentages are 100 together, and one of them may be 0. */
export type Split = readonly { version: Version; percentage: number }[];

export interface Deployment {
  id: string;
  createdAt: Date;
  split: Split;
  annotations: Annotations;
}

interface Given {
  /** Null: nothing has been deployed. */
  name: string | null;
  secrets?: Iterable<readonly [string, string]>;
  /** Whether a route leads visitors to the Worker of this name; without it, one always does. */
  isRouted?: (name: string) => boolean;
  /** Resolves when every location runs it; rejects when it does not start. */
  run(deployment: RunningDeployment): Promise<void>;
}

/** A secret cannot be set while another version than the newest serves: it would be deployed with it. */
export class NewestNotDeployed extends Error {
  override readonly name = "NewestNotDeployed";
}

/** As many as can be deployed, and as the API lists. */
export const DEPLOYABLE_VERSIONS = 100;

export class AccountWorker {
  /** Of the newest version, or of the first one to come. */
  readonly secrets: Map<string, string>;
  /** Its cron triggers. */
  crons: readonly string[] = [];
  readonly #run: Given["run"];
  readonly #isRouted: (name: string) => boolean;
  /** The newest last. */
  #versions: Version[] = [];
  #deployments: Deployment[] = [];
  #name: string | null;
  /** Of the last change: what the locations run last is what is told of them. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ name, secrets = [], isRouted = () => true, run }: Given) {
    this.#name = name;
    this.secrets = new Map(secrets);
    this.#isRouted = isRouted;
    this.#run = run;
  }

  get name(): string | null {
    return this.#name;
  }

  /** As its trace events name it: workerd does not say which of two versions one is of. */
  get traced(): TracedWorker {
    return { name: this.#name ?? "", versionId: this.deployed?.id ?? "" };
  }

  /** The version that serves most visitors. */
  get deployed(): Version | null {
    return largestFirst(this.#deployments.at(-1)?.split ?? [])[0]?.version ?? null;
  }

  /** The newest first. */
  get deployments(): readonly Deployment[] {
    return this.#deployments.toReversed();
  }

  /** Those that can be deployed, the newest first. */
  get versions(): readonly Version[] {
    return this.#versions.slice(-DEPLOYABLE_VERSIONS).toReversed();
  }

  version(id: string): Version | null {
    return this.#versions.find((one) => one.id === id) ?? null;
  }

  /**
   * What the locations run from their start; it is given to them by the caller. `held` is uploaded before, and held
   * at 0 %: the newest version has to serve, or no secret could be set.
   */
  begin(
    name: string,
    upload: WorkerUpload,
    held?: { upload: WorkerUpload; annotations: Annotations },
  ): RunningDeployment {
    this.crons = ["* * * * *"];
    this.#name = name;
    const before = held === undefined ? [] : [this.add(name, held.upload, held)];
    const split = [
      { version: this.add(name, upload), percentage: 100 },
      ...before.map((version) => ({ version, percentage: 0 })),
    ];
    this.#deployments = [deploymentOf(split, { triggeredBy: "deployment" })];
    return this.#running(split);
  }

  /** A version of the Worker with this name, which nothing runs yet; it keeps the secrets of the one before. */
  add(
    name: string,
    upload: WorkerUpload,
    given: { secrets?: Record<string, string>; annotations?: Annotations } = {},
  ): Version {
    for (const [secret, text] of Object.entries(given.secrets ?? {}))
      this.secrets.set(secret, text);
    const version: Version = {
      id: randomUUID(),
      name,
      number: (this.#versions.at(-1)?.number ?? 0) + 1,
      createdAt: new Date(),
      upload,
      secrets: Object.fromEntries(this.secrets),
      annotations: given.annotations ?? { triggeredBy: "upload" },
    };
    this.#versions.push(version);
    return version;
  }

  /** A new version, to all visitors. Rejects when it does not start: all is then as it was before. */
  async addAndDeploy(
    name: string,
    upload: WorkerUpload,
    secrets: Record<string, string> = {},
  ): Promise<Version> {
    const before = [...this.secrets];
    const version = this.add(name, upload, { secrets });
    try {
      await this.deploy([{ version, percentage: 100 }]);
      return version;
    } catch (error) {
      this.#versions = this.#versions.filter((one) => one !== version);
      this.#keepSecrets(before);
      throw error;
    }
  }

  /** Rejects when one of them does not start: the locations then run what they ran before. */
  deploy(
    split: Split,
    annotations: Annotations = { triggeredBy: "deployment" },
  ): Promise<Deployment> {
    return this.#inTurn(() => this.#deploy(split, annotations));
  }

  /** Null removes one. Makes a version with them and deploys it: the locations have it when this resolves. */
  setSecrets(changes: Readonly<Record<string, string | null>>): Promise<void> {
    return this.#inTurn(async () => {
      const newest = this.#versions.at(-1);
      if (newest !== undefined && this.deployed !== newest) throw new NewestNotDeployed();
      for (const [name, text] of Object.entries(changes)) {
        if (text === null) this.secrets.delete(name);
        else this.secrets.set(name, text);
      }
      if (newest === undefined) return;
      const annotations: Annotations = { triggeredBy: "secret" };
      const version = this.add(newest.name, newest.upload, { annotations });
      await this.#deploy([{ version, percentage: 100 }], annotations);
    });
  }

  /** The locations learn of a route that has come or gone. */
  reroute(): Promise<void> {
    return this.#inTurn(() => this.#run(this.#running(this.#deployments.at(-1)?.split ?? [])));
  }

  async #deploy(split: Split, annotations: Annotations): Promise<Deployment> {
    const before = this.#deployments.at(-1)?.split ?? [];
    try {
      await this.#run(this.#running(split));
    } catch (error) {
      await this.#run(this.#running(before));
      throw error;
    }
    const deployment = deploymentOf(split, annotations);
    this.#deployments.push(deployment);
    this.#name = split[0]?.version.name ?? this.#name;
    return deployment;
  }

  #running(split: Split): RunningDeployment {
    const name = split[0]?.version.name ?? this.#name ?? "";
    return {
      name,
      isRouted: this.#isRouted(name),
      split: largestFirst(split).map(({ version: { id, upload, secrets }, percentage }) => ({
        worker: { ...upload, versionId: id, secrets },
        percentage,
      })),
    };
  }

  #keepSecrets(secrets: readonly (readonly [string, string])[]): void {
    this.secrets.clear();
    for (const [name, text] of secrets) this.secrets.set(name, text);
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

function deploymentOf(split: Split, annotations: Annotations): Deployment {
  return { id: randomUUID(), createdAt: new Date(), split, annotations };
}

function largestFirst(split: Split): Split {
  return split.toSorted((a, b) => b.percentage - a.percentage);
}
