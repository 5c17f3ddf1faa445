/** What came from sockets, until somebody takes it; bounded, because a slow terminal must not be. */
import { counted } from "../../domain/text/format.ts";
import type { TailNotice } from "../../ports/logs.ts";

const MAX_WAITING = 10_000;

export class NoticeQueue {
  #waiting: TailNotice[] = [];
  #leftOut = 0;
  #wake: (() => void) | null = null;

  push(notice: TailNotice): void {
    if (notice.kind === "event" && this.#waiting.length >= MAX_WAITING) this.#leftOut += 1;
    else this.#waiting.push(notice);
    this.#wake?.();
  }

  /** Everything so far; what had to be left out is told once there is room again. */
  take(): TailNotice[] {
    const taken = this.#waiting;
    this.#waiting = [];
    if (this.#leftOut > 0) {
      const message = `${counted(this.#leftOut, "event")} left out: they arrived faster than they could be shown`;
      taken.push({ kind: "dropped", message });
      this.#leftOut = 0;
    }
    return taken;
  }

  /** Ends a wait early. */
  wake(): void {
    this.#wake?.();
  }

  /** Resolves when there is something, when woken, or after so long. */
  async untilSome(maxMs: number): Promise<void> {
    if (this.#waiting.length > 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), Math.max(1, Math.ceil(maxMs)));
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }
}
