/** The order of the stages, in one place: measure → (admit) → decide → serve. */
import { Hono } from "hono";
import type { AppEnv, Deps } from "./deps.ts";
import { pathOf } from "./exchange.ts";
import { admitToQa } from "./middleware/admit.ts";
import { decideCohort } from "./middleware/decide.ts";
import { measure } from "./middleware/measure.ts";
import { passThrough, serve } from "./middleware/serve.ts";
import { originFailure } from "./proxy.ts";
import { serveQa } from "./qa/serve.ts";

/** One handler per route: Hono then needs no chain of `next`, which every request would pay for. */
export function createApp(deps: Deps): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ getPath: (request) => pathOf(request.url) });
  const api = measure(deps, decideCohort(deps, serve(deps)));
  const qa = measure(deps, admitToQa(deps, decideCohort(deps, serveQa(deps))));

  app.all("/qa", qa);
  app.all("/api/qa", qa);
  app.all("/api", api);
  app.all("/api/*", api);
  app.notFound(passThrough(deps));

  // Unreachable unless our own code has a bug that none of the catches expected.
  app.onError(() => originFailure());
  return app;
}
