/** Who is logged in: the one store that the legacy API and native share, as the app's would be. */
import { randomUUID } from "node:crypto";
import * as z from "zod";
import type { NodeService } from "./edge/node-services.ts";

const COOKIE = "pix_session";
/** Oldest first out: a sandbox may run for days. */
const KEPT = 20_000;

export class Sessions {
  readonly #users = new Map<string, string>();

  /** The `Cookie` of somebody who is logged in from now on; by default of a user of his own. */
  logIn(user: string = randomUUID()): string {
    const id = randomUUID();
    this.#users.set(id, user);
    for (const oldest of this.#users.keys()) {
      if (this.#users.size <= KEPT) break;
      this.#users.delete(oldest);
    }
    return `${COOKIE}=${id}`;
  }

  /** Of the `Cookie` header; null: not logged in. */
  userOf(cookies: string | null | undefined): string | null {
    for (const pair of (cookies ?? "").split(";")) {
      const [name, id = ""] = pair.trim().split("=", 2);
      const user = name === COOKIE ? this.#users.get(id) : undefined;
      if (user !== undefined) return user;
    }
    return null;
  }
}

const questionSchema = z.object({ cookie: z.string().nullable() });

/** What is bound to the Worker as SESSIONS. */
export function sessionsService(sessions: Sessions): NodeService {
  return async (_operation, body) => {
    const user = sessions.userOf(questionSchema.safeParse(body).data?.cookie);
    return user === null ? { status: 401 } : { status: 200, json: { user } };
  };
}
