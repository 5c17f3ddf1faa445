/**
 * Who has shown the `/qa` token looks at the dashboard for an hour. The cookie says when that ends, signed with a
 * key that is made of the token, so that another token ends all of them. It opens nothing but the dashboard.
 */
import type { HmacKey } from "../hmac.ts";
import { importHmacKey, signText, utf8Bytes, verifyText } from "../hmac.ts";

/** `__Host-`: no other host, and no parent domain, can have set it. */
const NAME = "__Host-pix-dashboard";
const LIFE_S = 3_600;
const VALUE = /^(v1\.(\d{10}))\.([\w-]+)$/;
/** A browser sends one. */
const MAX_CANDIDATES = 4;

export interface ViewerCookie {
  /** The `Set-Cookie` header that lets somebody in; null where no token is configured. */
  make(): Promise<string | null>;
  /** Whether the request brings one of ours that is not over. Never throws. */
  isIn(request: Request): Promise<boolean>;
}

/** As `Set-Cookie`: takes it out of the browser. */
export const NO_VIEWER_COOKIE = headerOf("", 0);

export function createViewerCookie(qaToken: string | null, now: () => number): ViewerCookie {
  let imported: Promise<HmacKey> | null = null;
  const key = (token: string): Promise<HmacKey> => {
    imported ??= importHmacKey(utf8Bytes(`pixcanary dashboard\n${token}`));
    return imported;
  };
  return {
    async make() {
      if (qaToken === null) return null;
      const payload = `v1.${Math.floor(now() / 1_000) + LIFE_S}`;
      return headerOf(`${payload}.${await signText(await key(qaToken), payload)}`, LIFE_S);
    },
    async isIn(request) {
      if (qaToken === null) return false;
      for (const value of valuesIn(request.headers.get("cookie") ?? "")) {
        const [, payload = "", endS = "", signature = ""] = VALUE.exec(value) ?? [];
        const leftS = Number(endS) - now() / 1_000;
        if (leftS <= 0 || leftS > LIFE_S) continue;
        if (await verifyText(await key(qaToken), payload, signature)) return true;
      }
      return false;
    },
  };
}

function valuesIn(header: string): string[] {
  const prefix = `${NAME}=`;
  const pairs = header.split(";").map((pair) => pair.trim());
  return pairs
    .filter((pair) => pair.startsWith(prefix))
    .slice(0, MAX_CANDIDATES)
    .map((pair) => pair.slice(prefix.length));
}

function headerOf(value: string, lifeS: number): string {
  return `${NAME}=${value}; Path=/; Max-Age=${lifeS}; Secure; HttpOnly; SameSite=Strict`;
}
