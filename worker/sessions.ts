/** Who is asking. The app knows: it has one session store for native and the legacy API alike. */
import { withoutCohortCookie } from "../src/domain/decision/cookie-header.ts";
import { withLimit } from "./limit.ts";

const ASK_LIMIT_MS = 2_000;
const MAX_USER_CHARS = 200;
/**
 * Nobody is logged in, or what the visitor sent is malformed or too long. Whatever else it answers may be about how we
 * ask, a 403 too: taken for a refusal, it would log everyone out, and nothing would be counted.
 */
const REFUSALS: readonly number[] = [400, 401, 413, 422, 431];

export interface Sessions {
  /** An id that is the same in all of a user's sessions; null: not logged in. Rejects when it cannot be told. */
  userOf(headers: Headers): Promise<string | null>;
}

/**
 * Asks the service that the app binds as SESSIONS: `POST /user` with `{"cookie", "authorization"}`, each
 * a header or null. It answers 200 and `{"user": "<id>"}`, or a refusal.
 */
export function boundSessions(service: Fetcher | undefined): Sessions {
  return {
    async userOf(headers) {
      const sent = headers.get("cookie");
      const cookie = sent === null ? null : withoutCohortCookie(sent);
      const authorization = headers.get("authorization");
      if (cookie === null && authorization === null) return null;
      if (service === undefined) throw new Error("SESSIONS is not bound");
      const body = JSON.stringify({ cookie, authorization });
      return withLimit("SESSIONS", ASK_LIMIT_MS, ask(service, body));
    },
  };
}

async function ask(service: Fetcher, body: string): Promise<string | null> {
  const headers = { "Content-Type": "application/json" };
  const answer = await service.fetch("http://sessions/user", { method: "POST", headers, body });
  if (REFUSALS.includes(answer.status)) {
    await answer.body?.cancel();
    return null;
  }
  if (answer.status !== 200) throw new Error(`SESSIONS answered HTTP ${answer.status}`);
  return parseUser(await answer.json());
}

function parseUser(raw: unknown): string {
  const user = typeof raw === "object" && raw !== null && "user" in raw ? raw.user : null;
  if (typeof user === "string" && user !== "" && user.length <= MAX_USER_CHARS) return user;
  throw new Error("SESSIONS answered without a user");
}
