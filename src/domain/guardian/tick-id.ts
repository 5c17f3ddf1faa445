/**
 * An id in the shape of a ULID that any run of the same tick makes alike: its time part is the tick's, the
 * rest a hash of what the tick judged. Duplicate and overlapping runs then write the same bytes.
 */

import { BASE32, base32 } from "../lib/base32.ts";

const TIME_CHARS = 10;
const REST_CHARS = 16;

/** Ticks overlap, and clocks of services differ, by less than this; what is further ahead is no time of a tick. */
const AHEAD_MS = 2 * 60_000;

export function tickId(tickMs: number, judged: string): string {
  return base32(Math.max(0, Math.floor(tickMs)), TIME_CHARS) + hashChars(`${tickMs}/${judged}`);
}

/** When the tick of an id was, milliseconds since the epoch; NaN for what is no such id. */
export function tickOf(id: string): number {
  if (!/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id)) return Number.NaN;
  return [...id.slice(0, TIME_CHARS)].reduce((ms, char) => ms * 32 + BASE32.indexOf(char), 0);
}

/**
 * Whether a tick can have been then; all in milliseconds since the epoch. False for what is no time: what somebody
 * has damaged, made up or dated by a wrong clock must neither stand for an action nor hide one.
 */
export function hasBeen(ms: number, nowMs: number): boolean {
  return Number.isFinite(ms) && ms <= nowMs + AHEAD_MS;
}

/** FNV-1a, one round per character: spreads, and keeps no secret. */
export function hashChars(text: string): string {
  let chars = "";
  for (let i = 0; i < REST_CHARS; i += 1) {
    let hash = 0x811c9dc5 ^ i;
    for (let j = 0; j < text.length; j += 1) {
      hash = Math.imul(hash ^ text.charCodeAt(j), 0x01000193) >>> 0;
    }
    chars += BASE32[(hash >>> 11) % 32] ?? "0";
  }
  return chars;
}
