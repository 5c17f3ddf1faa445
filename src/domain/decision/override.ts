/**
 * The header `X-Canary`, by which a tester asks for native.
 * Mode `open` obeys `1` from anyone (the seed's behaviour), mode `signed` wants
 * `v1.<expires s>.<key id>.<signature>` over everything before the last dot, mode `off` ignores it.
 */
export type OverrideMode = "open" | "signed" | "off";

export const OVERRIDE_HEADER = "X-Canary";

/** No override is valid for longer than this, whatever it says. */
const OVERRIDE_MAX_S = 3_600;

/** The override's signatures must never pass for a cookie's, although the keys are the same. */
const OVERRIDE_CONTEXT = "x-canary:";

const FORM =
  /^v1\.([1-9][0-9]{0,11})\.([A-Za-z0-9_-]{1,16})\.([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/;

export interface SignedOverride {
  expiresAtS: number;
  keyId: string;
  /** The exact text that is signed, with its context. */
  payload: string;
  signature: string;
}

/** Unknown words mean `off`: an override must be asked for by name. */
export function overrideMode(value: string | undefined): OverrideMode {
  return value === "open" || value === "signed" ? value : "off";
}

export function overridePayload(expiresAtS: number, keyId: string): string {
  return `${OVERRIDE_CONTEXT}v1.${expiresAtS}.${keyId}`;
}

export function parseOverride(value: string): SignedOverride | null {
  const match = FORM.exec(value);
  if (match === null) return null;
  const [, expires = "", keyId = "", signature = ""] = match;
  const expiresAtS = Number(expires);
  return { expiresAtS, keyId, payload: overridePayload(expiresAtS, keyId), signature };
}

export function isOverrideCurrent(override: SignedOverride, nowMs: number): boolean {
  const leftS = override.expiresAtS - nowMs / 1000;
  return leftS > 0 && leftS <= OVERRIDE_MAX_S;
}
