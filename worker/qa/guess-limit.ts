/**
 * Ends guessing at the token: after ten wrong ones within a minute no token from that address is looked
 * at for a minute, not even the right one, or the guesser would still learn which one it is. Counted per
 * isolate; the rate limits of the location come on top.
 */
const WRONG_ALLOWED = 10;
const WINDOW_MS = 60_000;
const BLOCKED_MS = 60_000;
/** More addresses than this push the oldest out. */
const MAX_ADDRESSES = 5_000;

export interface GuessLimit {
  /** Until tokens of this visitor are looked at again; 0 when they are. */
  blockedMs(address: string | null): number;
  /** One wrong token more. */
  wrong(address: string | null): void;
  /** How many addresses are remembered. */
  readonly size: number;
}

interface Guesser {
  wrong: number;
  /** When the window or the block ends. What comes meanwhile moves neither. */
  untilMs: number;
}

export function createGuessLimit(now: () => number): GuessLimit {
  const guessers = new Map<string, Guesser>();

  const known = (who: string): Guesser | null => {
    const guesser = guessers.get(who);
    if (guesser === undefined) return null;
    const leftMs = guesser.untilMs - now();
    // A clock that was set back must not make a minute longer.
    if (leftMs > 0 && leftMs <= Math.max(WINDOW_MS, BLOCKED_MS)) return guesser;
    guessers.delete(who);
    return null;
  };

  return {
    blockedMs(address) {
      const guesser = known(networkOf(address));
      if (guesser === null || guesser.wrong < WRONG_ALLOWED) return 0;
      return guesser.untilMs - now();
    },
    wrong(address) {
      const who = networkOf(address);
      const guesser = known(who);
      if (guesser === null) {
        guessers.set(who, { wrong: 1, untilMs: now() + WINDOW_MS });
        if (guessers.size > MAX_ADDRESSES) dropOldest(guessers);
        return;
      }
      guesser.wrong += 1;
      if (guesser.wrong === WRONG_ALLOWED) guesser.untilMs = now() + BLOCKED_MS;
    },
    get size() {
      return guessers.size;
    },
  };
}

/** Whoever has one IPv6 address has 2⁶⁴ of them: the /64 counts. */
export function networkOf(address: string | null): string {
  if (address?.includes(":") !== true) return address ?? "unknown";
  const [head = "", tail] = address.toLowerCase().split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  const groups = [...before, ...(tail === undefined ? [] : zeros), ...after];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}

function dropOldest(guessers: Map<string, Guesser>): void {
  for (const oldest of guessers.keys()) {
    guessers.delete(oldest);
    return;
  }
}
