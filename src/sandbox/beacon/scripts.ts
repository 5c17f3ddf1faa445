/**
 * What the Worker's main module in the sandbox adds for Durable Objects and Workers Cache, as text for workerd:
 * the runtime has the objects, and knows neither locations nor that cache.
 */

/** The entrypoints of an upload that Workers Cache stands before. */
export type CachedEntrypoints = readonly string[];

/** `simulated(ctx, env)`: the context with that cache; `gated(env)`: Durable Objects behind the location's road. */
export function platformScript(cached: CachedEntrypoints): string {
  return `
const CACHED = ${JSON.stringify(cached)};
async function order(service, operation, body) {
  return service.fetch("http://sandbox/" + operation, { method: "POST", body: JSON.stringify(body) });
}
async function throughCache(entrypoint, name, env, input, init) {
  const request = new Request(input, init);
  const { pathname, search } = new URL(request.url);
  const key = name + " " + pathname + search;
  const { cached, text } = await (await order(env.SANDBOX_CACHE, "match", { key })).json();
  if (text !== null) return new Response(text, { headers: { "Cf-Cache-Status": "HIT" } });
  const response = await entrypoint.fetch(request);
  if (!cached) return response;
  const body = await response.text();
  const headers = new Headers(response.headers);
  const cacheControl = headers.get("Cache-Control") ?? "";
  const tags = (headers.get("Cache-Tag") ?? "").split(",").filter((tag) => tag !== "");
  headers.delete("Cache-Tag");
  headers.set("Cf-Cache-Status", "MISS");
  if (response.ok) await (await order(env.SANDBOX_CACHE, "keep", { key, text: body, cacheControl, tags })).text();
  return new Response(body, { status: response.status, headers });
}
function behindCache(entrypoint, name, env) {
  return new Proxy({}, {
    get(_, property) {
      if (property === "then") return undefined;
      if (property === "fetch") return (...given) => throughCache(entrypoint, name, env, ...given);
      return (...given) => entrypoint[property](...given);
    },
  });
}
export function simulated(ctx, env) {
  if (env.SANDBOX_CACHE === undefined) return ctx;
  const exports = Object.fromEntries(CACHED.map((name) => [name, behindCache(ctx.exports[name], name, env)]));
  const cache = {
    async purge({ tags }) {
      await (await order(env.SANDBOX_CACHE, "purge", { tags })).text();
      return { success: true, errors: [] };
    },
  };
  return {
    waitUntil: (work) => ctx.waitUntil(work),
    passThroughOnException: () => ctx.passThroughOnException(),
    props: ctx.props,
    exports,
    cache,
  };
}
export function gated(env) {
  const names = env.SANDBOX_OBJECTS ?? [];
  return Object.fromEntries(names.map((name) => [name, gatedNamespace(env[name], env.SANDBOX_ROAD)]));
}
function gatedNamespace(namespace, road) {
  return {
    idFromName: (name) => namespace.idFromName(name),
    get(id) {
      const stub = namespace.get(id);
      return new Proxy({}, {
        get(_, method) {
          if (method === "then") return undefined;
          return async (...given) => {
            const { ok } = await order(road, method, {});
            if (!ok) throw Object.assign(new Error("Durable Object is overloaded."), { overloaded: true });
            return stub[method](...given);
          };
        },
      });
    },
  };
}`;
}

/**
 * The cached entrypoints themselves: what they ask of the platform is simulated, too. A Worker of a test that
 * exports none gets one that does nothing.
 */
export function entrypointsScript(cached: CachedEntrypoints): string {
  return cached
    .map(
      (name) => `
export class ${name} extends (main.${name} ?? WorkerEntrypoint) {
  constructor(ctx, env) {
    super(simulated(ctx, env), { ...env, ...gated(env) });
  }
}`,
    )
    .join("\n");
}

/** Durable Objects need a class that is there, whatever a Worker of a test exports. */
export function objectsScript(classes: readonly string[]): string {
  return classes
    .map((name) => `export class ${name} extends (main.${name} ?? DurableObject) {}`)
    .join("\n");
}
