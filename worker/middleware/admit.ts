/** For `/qa` only, before the decision: token and rate limit. */
import type { Deps } from "../deps.ts";
import type { Stage } from "../exchange.ts";
import { admit } from "../qa/admission.ts";

export function admitToQa(deps: Deps, next: Stage): Stage {
  return async (exchange) => {
    try {
      exchange.admission = await admit(exchange.request, exchange.env, deps);
    } catch (error) {
      exchange.error = error;
    }
    return next(exchange);
  };
}
