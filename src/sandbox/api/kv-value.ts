/** What a KV write may carry: value, metadata, lifetime, within the platform's sizes. */
const MAX_KEY_BYTES = 512;
const MAX_VALUE_BYTES = 25 * 1024 * 1024;
const MIN_TTL_S = 60;

/** Null when both fit, else what is wrong. */
export function checkSizes(key: string, value: Uint8Array): string | null {
  const keyBytes = Buffer.byteLength(key);
  if (keyBytes === 0 || keyBytes > MAX_KEY_BYTES) return `key must be 1 to ${MAX_KEY_BYTES} bytes`;
  return value.byteLength > MAX_VALUE_BYTES ? `value exceeds ${MAX_VALUE_BYTES} bytes` : null;
}

/** Milliseconds since the epoch, null for ever, or what is wrong. */
export function expiry(
  expiration: string | number | undefined,
  ttl: string | number | undefined,
  nowMs: number,
): number | null | string {
  if (ttl !== undefined) {
    const seconds = Number(ttl);
    const valid = Number.isInteger(seconds) && seconds >= MIN_TTL_S;
    return valid ? nowMs + seconds * 1000 : `expiration_ttl must be at least ${MIN_TTL_S}`;
  }
  if (expiration === undefined) return null;
  const atMs = Number(expiration) * 1000;
  const valid = atMs >= nowMs + MIN_TTL_S * 1000;
  return valid ? atMs : `expiration must be at least ${MIN_TTL_S} seconds ahead`;
}

/** A raw body, or multipart with `value` and `metadata` (JSON text); else what is wrong. */
export async function readValue(
  request: Request,
): Promise<{ value: Uint8Array; metadata: unknown } | string> {
  const type = request.headers.get("content-type") ?? "";
  if (!type.startsWith("multipart/form-data")) {
    return { value: new Uint8Array(await request.arrayBuffer()), metadata: null };
  }
  const form = await request.formData().catch(() => null);
  const part = form?.get("value");
  if (part === null || part === undefined) return "multipart body without part 'value'";
  const value =
    typeof part === "string" ? Buffer.from(part) : new Uint8Array(await part.arrayBuffer());
  const metadata = form?.get("metadata");
  if (typeof metadata !== "string") return { value, metadata: null };
  try {
    return { value, metadata: JSON.parse(metadata) };
  } catch {
    return "metadata is not JSON";
  }
}
