/** The KV namespaces of the account. The locations have copies of one of them. */
import { randomBytes } from "node:crypto";
import { CentralStore } from "../kv/central-store.ts";

export interface Namespace {
  id: string;
  title: string;
}

export interface BoundNamespace {
  id: string;
  /** Null: it is the first one to be created. */
  title: string | null;
  store: CentralStore;
}

export class Namespaces {
  readonly #bound: BoundNamespace;
  readonly #now: () => number;
  readonly #all = new Map<string, { title: string; store: CentralStore }>();

  constructor(bound: BoundNamespace, now: () => number = Date.now) {
    this.#bound = bound;
    this.#now = now;
    if (bound.title !== null) this.#all.set(bound.id, { title: bound.title, store: bound.store });
  }

  /** In the order in which they were created. */
  list(): Namespace[] {
    return [...this.#all].map(([id, { title }]) => ({ id, title }));
  }

  find(id: string): (Namespace & { store: CentralStore }) | null {
    const found = this.#all.get(id);
    return found === undefined ? null : { id, ...found };
  }

  /** Null when the title is taken. */
  create(title: string): Namespace | null {
    if (this.list().some((one) => one.title === title)) return null;
    const isBound = this.#all.size === 0;
    const id = isBound ? this.#bound.id : randomBytes(16).toString("hex");
    const store = isBound ? this.#bound.store : new CentralStore(this.#now);
    this.#all.set(id, { title, store });
    return { id, title };
  }
}
