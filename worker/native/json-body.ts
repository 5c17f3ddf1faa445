/** Small JSON request bodies. */
import { ClientGoneError } from "../client-gone.ts";
import { TimeLimitError, withLimit } from "../limit.ts";

/** Somebody who sends so slowly must not hold a connection to the database. */
const READ_LIMIT_MS = 10_000;
const MAX_BODY_CHARS = 64 * 1024;

export type JsonBody =
  | { ok: true; fields: Readonly<Record<string, unknown>> }
  | { ok: false; status: 400 | 408 | 413; error: "bad_json" | "too_slow" | "too_large" };

/**
 * Reads the body up to a limit and expects a JSON object. Consumes the request. Throws ClientGoneError
 * when the body breaks off.
 */
export async function readJsonBody(request: Request): Promise<JsonBody> {
  let text: string | null;
  try {
    text = await withLimit("body", READ_LIMIT_MS, readText(request.body));
  } catch (error) {
    if (error instanceof TimeLimitError) return { ok: false, status: 408, error: "too_slow" };
    throw new ClientGoneError("the body broke off", { cause: error });
  }
  if (text === null) return { ok: false, status: 413, error: "too_large" };
  try {
    const raw: unknown = JSON.parse(text);
    if (typeof raw === "object" && raw !== null && !Array.isArray(raw)) {
      return { ok: true, fields: { ...raw } };
    }
  } catch {
    // Falls through to the same answer as JSON of another kind.
  }
  return { ok: false, status: 400, error: "bad_json" };
}

/** Null when there is more than the limit: the rest is not read. */
async function readText(body: ReadableStream<Uint8Array> | null): Promise<string | null> {
  if (body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_BODY_CHARS) return null;
  }
  return text + decoder.decode();
}
