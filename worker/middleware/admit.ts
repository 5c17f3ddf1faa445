/** For `/qa` only, before the decision: token and rate limit. */
import type { MiddlewareHandler } from "hono";
import type { AppEnv, Deps } from "../deps.ts";
import { admit } from "../qa/admission.ts";

export function admitToQa(deps: Deps): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const record = c.get("record");
    try {
      record.admission = await admit(c.req.raw, c.env, deps.settings);
    } catch (error) {
      record.error = error;
    }
    await next();
  };
}
