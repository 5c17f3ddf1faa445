/** What goes wrong in native handlers, beyond the database (which has its own proxy). */
import type { Random } from "./random.ts";

export interface NativeSettings {
  /** 0 … 1 of native requests fail, evenly: a few hundred show the share as well as thousands. */
  errorShare: number;
  /** Fail after the request body has been read, when no fallback is possible any more. */
  failAfterBody: boolean;
  addedLatencyMs: number;
  message: string;
  r2Down: boolean;
}

export const HEALTHY_NATIVE: NativeSettings = {
  errorShare: 0,
  failAfterBody: false,
  addedLatencyMs: 0,
  message: "TypeError: Cannot read properties of undefined (reading 'intent_id')",
  r2Down: false,
};

/** The answer that the Worker's chaos hook expects. */
export interface ChaosAnswer {
  delay_ms: number;
  fail: boolean;
  fail_after: boolean;
  message: string;
}

export class NativeFaults {
  settings: NativeSettings = { ...HEALTHY_NATIVE };
  /** Errors that are owed: the share of each request adds up, so that they come evenly. */
  #owed: number;

  constructor(random: Random) {
    this.#owed = random.next();
  }

  forRequest(): ChaosAnswer {
    const { errorShare, failAfterBody, addedLatencyMs, message } = this.settings;
    this.#owed += errorShare;
    const failing = this.#owed >= 1;
    if (failing) this.#owed -= 1;
    return {
      delay_ms: addedLatencyMs,
      fail: failing && !failAfterBody,
      fail_after: failing && failAfterBody,
      message,
    };
  }
}
