/** Signs the upload and download URLs that native hands out: `?exp=<s>&sig=<base64url>`. */
import type { HmacKey } from "../hmac.ts";
import { importHmacKey, signText, utf8Bytes, verifyText } from "../hmac.ts";

const URL_LIFE_S = 900;

const EXPIRES = /^[1-9][0-9]{0,11}$/;

type UrlPurpose = "upload" | "download";

export interface UrlSigner {
  /** An absolute path with query. Throws without URL_SIGNING_KEY. */
  sign(purpose: UrlPurpose, id: string, nowMs: number): Promise<SignedUrl>;
  /** False for anything not signed by us for this purpose and id, or expired. */
  verify(purpose: UrlPurpose, id: string, url: URL, nowMs: number): Promise<boolean>;
}

interface SignedUrl {
  path: string;
  expiresAtMs: number;
}

export function createUrlSigner(secret: string | null): UrlSigner {
  let imported: HmacKey | null = null;
  const key = async (): Promise<HmacKey> => {
    if (secret === null) throw new Error("URL_SIGNING_KEY is not configured");
    imported ??= await importHmacKey(utf8Bytes(secret));
    return imported;
  };
  return {
    async sign(purpose, id, nowMs) {
      const expiresS = Math.floor(nowMs / 1000) + URL_LIFE_S;
      const signature = await signText(await key(), signedText(purpose, id, `${expiresS}`));
      return {
        path: `/api/pixcapture/${purpose}/${id}?exp=${expiresS}&sig=${signature}`,
        expiresAtMs: expiresS * 1000,
      };
    },
    async verify(purpose, id, url, nowMs) {
      const expires = url.searchParams.get("exp") ?? "";
      if (!EXPIRES.test(expires) || Number(expires) * 1000 <= nowMs) return false;
      const signature = url.searchParams.get("sig") ?? "";
      return verifyText(await key(), signedText(purpose, id, expires), signature);
    },
  };
}

/** A URL for uploading must not pass for one for downloading. */
function signedText(purpose: UrlPurpose, id: string, expires: string): string {
  return `${purpose}:${id}:${expires}`;
}
