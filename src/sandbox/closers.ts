/** What has been started, in order, to be ended again. */

/** Closers run in reverse order; each runs even when another fails. */
export class Closers {
  readonly #steps: (() => Promise<void>)[] = [];
  #closed: Promise<void> | null = null;

  add(step: () => Promise<void>): void {
    this.#steps.push(step);
  }

  run(): Promise<void> {
    this.#closed ??= this.#runAll();
    return this.#closed;
  }

  async #runAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.toReversed()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0)
      throw new AggregateError(failures, "the sandbox did not close cleanly");
  }
}
