/** The secrets of a Worker: set here, named here, and never told. */
import type { Hono } from "hono";
import * as z from "zod";
import { WORKER_NAME } from "../types.ts";
import { type ApiContext, type ApiDeps, type ApiEnv, refuse } from "./access.ts";
import { CODES, failure, ok } from "./envelope.ts";
import { json } from "./json-body.ts";
import type { Scope } from "./permissions.ts";

const BASE = "/accounts/:account/workers/scripts/:script/secrets";

const secretSchema = z.object({
  name: z.string().regex(/^[A-Za-z_$][\w$]{0,254}$/),
  text: z.string().max(5_120),
  type: z.literal("secret_text"),
});

export function secretRoutes(
  api: Hono<ApiEnv>,
  deps: Pick<ApiDeps, "accountId" | "secrets">,
): void {
  const refused = (c: ApiContext, scope: Scope): Response | null =>
    refuse(c, deps, scope) ??
    (c.req.param("script") === WORKER_NAME
      ? null
      : failure(404, CODES.scriptNotFound, "This Worker does not exist on your account."));
  const shown = (name: string) => ({ name, type: "secret_text" });

  api.get(BASE, (c) => refused(c, "scripts:read") ?? ok([...deps.secrets.keys()].map(shown)));
  api.put(BASE, async (c) => {
    const answer = refused(c, "scripts:write");
    if (answer !== null) return answer;
    const parsed = secretSchema.safeParse(await json(c));
    if (!parsed.success) return failure(400, CODES.invalidSecret, "the secret is not valid");
    deps.secrets.set(parsed.data.name, parsed.data.text);
    return ok(shown(parsed.data.name));
  });
}
