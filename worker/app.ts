/** The order of the middleware, in one place: measure → (admit) → decide → serve. */
import { Hono } from "hono";
import type { AppEnv, Deps } from "./deps.ts";
import { admitToQa } from "./middleware/admit.ts";
import { decideCohort } from "./middleware/decide.ts";
import { measure } from "./middleware/measure.ts";
import { passThrough, serve } from "./middleware/serve.ts";
import { originFailure } from "./proxy.ts";
import { serveQa } from "./qa/serve.ts";

export function createApp(deps: Deps): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ getPath: (request) => new URL(request.url).pathname });
  const measured = measure(deps);
  const decided = decideCohort(deps);
  const admitted = admitToQa(deps);
  const served = serve(deps);

  for (const path of ["/qa", "/api/qa"]) {
    app.all(path, measured, admitted, decided, (c) => serveQa(c, deps));
  }
  app.all("/api", measured, decided, served);
  app.all("/api/*", measured, decided, served);
  app.all("*", passThrough(deps));

  // Unreachable unless our own code has a bug that none of the catches above expected.
  app.onError((error, c) => {
    const record = c.get("record");
    if (record !== undefined) record.error ??= error;
    return originFailure();
  });
  return app;
}
