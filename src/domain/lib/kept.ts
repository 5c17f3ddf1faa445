/** Answers that are dear, kept for a while: whoever asks while one is young, or on its way, gets that one. */

/** Ranges around a moment are as many as people think of. */
const MAX_KEYS = 16;
/** An answer that lacks something is given no longer than this. */
const LACKING_MS = 15_000;

interface Answer<T> {
  value: T;
  atMs: number;
}

interface Asking<T> {
  answer: Promise<Answer<T>>;
  startedAtMs: number;
}

export interface Kept<T> {
  /** Rejects when nothing is known and nothing comes within the limit. */
  current(key: string, ages: Ages, ask: () => Promise<T>, keepAlive: KeepAlive): Promise<T>;
}

export interface Ages {
  /** An answer that is no older is given as it is. */
  freshMs: number;
  /** One that is no older is given while a newer one is on its way; an older one is not. */
  shownMs: number;
}

/** Told of work that goes on after its caller has its answer; what is given never rejects. */
export type KeepAlive = (work: Promise<unknown>) => void;

interface Times {
  now(): number;
  /** Rejects when the work takes longer. */
  limited<T>(limitMs: number, work: Promise<T>): Promise<T>;
}

export function createKept<T>(
  limitMs: number,
  { now, limited }: Times,
  isWhole: (value: T) => boolean = () => true,
): Kept<T> {
  const answers = new Map<string, Answer<T>>();
  const asking = new Map<string, Asking<T>>();

  /** One that has overrun its limit belongs to a request that was torn down. */
  const isLost = ({ startedAtMs }: Asking<T>): boolean => now() - startedAtMs > limitMs;

  const start = (key: string, ask: () => Promise<T>, keepAlive: KeepAlive): Asking<T> => {
    for (const [other, one] of asking) if (isLost(one)) asking.delete(other);
    const answer = ask().then((value) => {
      const known = { value, atMs: now() };
      answers.delete(key);
      answers.set(key, known);
      for (const oldest of answers.keys()) {
        if (answers.size <= MAX_KEYS) break;
        answers.delete(oldest);
      }
      return known;
    });
    const begun = { answer, startedAtMs: now() };
    asking.set(key, begun);
    const ended = (): void => {
      if (asking.get(key) === begun) asking.delete(key);
    };
    keepAlive(answer.then(ended, ended));
    return begun;
  };

  return {
    async current(key, { freshMs, shownMs }, ask, keepAlive) {
      const known = answers.get(key);
      const ageMs = known === undefined ? Number.POSITIVE_INFINITY : Math.abs(now() - known.atMs);
      const lacks = known !== undefined && !isWhole(known.value);
      const youngMs = lacks ? Math.min(freshMs, LACKING_MS) : freshMs;
      if (known !== undefined && ageMs <= youngMs) return known.value;
      const running = asking.get(key);
      const next = running !== undefined && !isLost(running) ? running : start(key, ask, keepAlive);
      if (known !== undefined && ageMs <= shownMs) return known.value;
      return (await limited(limitMs, next.answer)).value;
    },
  };
}
