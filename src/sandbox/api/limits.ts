/** The API's two limits: one write per second and key, and 1,200 requests per five minutes. */
export interface LimitSettings {
  keyWrites: boolean;
  requests: boolean;
  /** Requests per window and token. */
  budget: number;
}

const KEY_INTERVAL_MS = 1_000;
const WINDOW_MS = 5 * 60_000;
const DEFAULT_BUDGET = 1_200;

interface Window {
  startedAtMs: number;
  used: number;
}

export class Limits {
  readonly settings: LimitSettings;
  readonly #now: () => number;
  readonly #lastWriteAtMs = new Map<string, number>();
  readonly #windows = new Map<string, Window>();

  constructor(enabled: boolean, now: () => number = Date.now) {
    this.settings = { keyWrites: enabled, requests: enabled, budget: DEFAULT_BUDGET };
    this.#now = now;
  }

  /** Null when the request may pass, else the seconds until the window ends. */
  request(tokenId: string): number | null {
    const now = this.#now();
    const known = this.#windows.get(tokenId);
    const current = known !== undefined && now - known.startedAtMs < WINDOW_MS;
    const window = current ? known : { startedAtMs: now, used: 0 };
    window.used += 1;
    this.#windows.set(tokenId, window);
    if (!this.settings.requests || window.used <= this.settings.budget) return null;
    return Math.max(1, Math.ceil((window.startedAtMs + WINDOW_MS - now) / 1000));
  }

  /** Of the window that this token is in; null where requests are not limited. */
  left(tokenId: string): { requests: number; resetS: number } | null {
    const window = this.#windows.get(tokenId);
    if (!this.settings.requests || window === undefined) return null;
    const endsMs = window.startedAtMs + WINDOW_MS - this.#now();
    const requests = Math.max(0, this.settings.budget - window.used);
    return { requests, resetS: Math.max(0, Math.ceil(endsMs / 1_000)) };
  }

  /** False when this key was written less than a second ago. */
  write(key: string): boolean {
    const now = this.#now();
    const last = this.#lastWriteAtMs.get(key);
    const tooSoon = last !== undefined && now - last < KEY_INTERVAL_MS;
    if (this.settings.keyWrites && tooSoon) return false;
    this.#lastWriteAtMs.set(key, now);
    return true;
  }

  /** As if this token had spent its budget just now. */
  exhaust(tokenId: string): void {
    this.#windows.set(tokenId, { startedAtMs: this.#now(), used: this.settings.budget });
  }

  reset(): void {
    this.#windows.clear();
    this.#lastWriteAtMs.clear();
  }
}
