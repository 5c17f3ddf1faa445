/** API tokens with scopes, in the shape of the real ones so that redaction is put to the test. */
import { randomBytes } from "node:crypto";
import { PERMISSIONS, type Permission, type Scope, scopesOf } from "./permissions.ts";

export const TOKEN_KINDS = [
  "full",
  "kv-read-only",
  "logs-read-only",
  "analytics-read-only",
  "no-permissions",
  "not-yet-valid",
  "expiring",
  "expired",
  "disabled",
  "wrong-account",
  "ip-filtered",
] as const;

export type TokenKind = (typeof TOKEN_KINDS)[number];
export interface ApiToken {
  /** Not the secret. */
  id: string;
  kind: TokenKind;
  scopes: ReadonlySet<Scope>;
  status: "active" | "disabled" | "expired";
  expiresAtMs: number | null;
  /** Until then it may only be verified. */
  validFromMs: number | null;
  accountId: string;
}

const READING: Partial<Record<TokenKind, readonly Permission[]>> = {
  "kv-read-only": ["Workers KV Storage Read"],
  "logs-read-only": ["Workers R2 Storage Read", "Workers Tail Read"],
  "analytics-read-only": ["Account Analytics Read"],
  "no-permissions": [],
};

const EXPIRING_IN_MS = 60 * 60_000;
const VALID_IN_MS = 60 * 60_000;
const EXPIRED_SINCE_MS = 24 * 60 * 60_000;

export class Tokens {
  readonly #accountId: string;
  readonly #now: () => number;
  readonly #bySecret = new Map<string, ApiToken>();

  constructor(accountId: string, now: () => number = Date.now) {
    this.#accountId = accountId;
    this.#now = now;
  }

  /**
   * Returns the secret; `expiring` ends in an hour, `not-yet-valid` begins then, `expired` ended a day ago,
   * `ip-filtered` is for another address than any that asks. `permissions`: exactly
   * these, in place of those of its kind.
   */
  create(
    kind: TokenKind,
    permissions: readonly Permission[] = READING[kind] ?? PERMISSIONS,
  ): string {
    const secret = `cfut_${randomBytes(20).toString("hex")}`;
    this.#bySecret.set(secret, {
      id: randomBytes(16).toString("hex"),
      kind,
      scopes: scopesOf(permissions),
      status: kind === "disabled" ? "disabled" : "active",
      expiresAtMs: this.#expiry(kind),
      validFromMs: kind === "not-yet-valid" ? this.#now() + VALID_IN_MS : null,
      accountId: kind === "wrong-account" ? randomBytes(16).toString("hex") : this.#accountId,
    });
    return secret;
  }

  find(secret: string): ApiToken | null {
    const token = this.#bySecret.get(secret);
    if (token === undefined) return null;
    const expired = token.expiresAtMs !== null && token.expiresAtMs <= this.#now();
    return expired ? { ...token, status: "expired" } : token;
  }

  #expiry(kind: TokenKind): number | null {
    if (kind === "expiring") return this.#now() + EXPIRING_IN_MS;
    return kind === "expired" ? this.#now() - EXPIRED_SINCE_MS : null;
  }
}
