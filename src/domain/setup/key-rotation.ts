/**
 * From one cookie key to the next without a visitor who loses his cohort: _add_ (all know the new key), _sign_
 * (it is the first, and signs), _retire_ (the old one goes, when no cookie can have its signature any more).
 */
import { COOKIE_MAX_AGE_S } from "../decision/cookie.ts";

/** Isolates of locations that no /qa shows follow within this. */
const MARGIN_MS = 10 * 60_000;
export const KEY_LIFE_MS = COOKIE_MAX_AGE_S * 1_000 + MARGIN_MS;

/** Since when every /qa that was asked has signed with this key. */
export interface Signing {
  id: string;
  sinceMs: number;
}

export interface Rotation {
  /** Of the operator's file, in order: the first signs. */
  ids: readonly string[];
  /** What each /qa shows; null where it does not answer. */
  shown: readonly (readonly string[] | null)[];
  signing: Signing | null;
  nowMs: number;
}

export type Move =
  /** `ids` in their new order; one that the file does not hold is made. */
  | { kind: "add" | "sign" | "retire"; ids: readonly string[]; id: string }
  /** The Worker does not show what the file holds. */
  | { kind: "hand-over"; ids: readonly string[] }
  /** The Worker knows a newer key than the file: somebody else's has it, and cookies are signed with it. */
  | { kind: "behind"; id: string }
  /** `untilMs` is null where nobody knows. */
  | { kind: "wait"; why: string; untilMs: number | null };

export function nextMove(rotation: Rotation): Move {
  const { ids, shown, nowMs } = rotation;
  const [first = "", ...others] = ids;
  if (shown.length === 0 || shown.includes(null)) {
    return { kind: "wait", why: "a /qa that does not show its keys", untilMs: null };
  }
  const newestShown = newestOf(shown.flatMap((one) => one ?? []));
  if (numberOf(newestShown) > numberOf(newestOf(ids))) return { kind: "behind", id: newestShown };
  if (!shown.every((one) => one?.join() === ids.join())) return { kind: "hand-over", ids };
  if (others.length === 0) {
    const id = nextId(ids);
    return { kind: "add", ids: [first, id], id };
  }
  const newest = newestOf(ids);
  if (first !== newest) {
    return { kind: "sign", ids: [newest, ...ids.filter((id) => id !== newest)], id: newest };
  }
  const untilMs = (signingNow(rotation)?.sinceMs ?? nowMs) + KEY_LIFE_MS;
  if (nowMs >= untilMs) return { kind: "retire", ids: [first], id: others.join(", ") };
  const why = `cookies that ${others.join(", ")} may have signed to expire`;
  return { kind: "wait", why, untilMs };
}

/** To be remembered: a key that signs anywhere else begins its life anew. */
export function signingNow({ shown, signing, nowMs }: Rotation): Signing | null {
  const [id] = shown[0] ?? [];
  if (id === undefined || !shown.every((one) => one?.[0] === id)) return null;
  return signing?.id === id ? signing : { id, sinceMs: nowMs };
}

function numberOf(id: string): number {
  return Number(/^k(\d{1,9})$/.exec(id)?.[1] ?? 0);
}

function newestOf(ids: readonly string[]): string {
  return ids.reduce((newest, id) => (numberOf(id) > numberOf(newest) ? id : newest), ids[0] ?? "");
}

function nextId(ids: readonly string[]): string {
  return `k${Math.max(...ids.map(numberOf)) + 1}`;
}
