/** The rungs beyond a plain stop, as the journal keeps them: what was taken, and what `restore` has to put back. */
import * as z from "zod";
import { once } from "../lib/lazy.ts";

/** In a journal entry. `taken`: by `not-aus --via`; `undone`: by `restore`. */
export const rungSchema = once(() => {
  const text = z.string().max(500);
  const action = z.enum(["taken", "undone"]);
  const split = z.array(z.object({ versionId: text, percentage: z.number() })).max(8);
  return z.discriminatedUnion("via", [
    z.object({
      via: z.literal("version"),
      action,
      versionId: text,
      /** What was deployed before, newest knowledge; null: it could not be read. */
      before: split.nullable(),
    }),
    z.object({
      via: z.literal("route"),
      action,
      zone: text,
      zoneId: text,
      routes: z.array(z.object({ pattern: text, script: text.nullable() })).max(64),
    }),
  ]);
});

export type Rung = z.output<ReturnType<typeof rungSchema>>;
export type VersionRung = Extract<Rung, { via: "version" }>;
export type RouteRung = Extract<Rung, { via: "route" }>;

export interface OpenRungs {
  version: VersionRung | null;
  route: RouteRung | null;
}

/** What is taken and not undone, by the entries of the journal, oldest first. */
export function openRungs(entries: readonly { rung?: Rung | undefined }[]): OpenRungs {
  const open: OpenRungs = { version: null, route: null };
  for (const { rung } of entries) {
    if (rung === undefined) continue;
    if (rung.via === "version") open.version = takenVersion(open.version, rung);
    else open.route = takenRoute(open.route, rung);
  }
  return open;
}

export function hasOpen({ version, route }: OpenRungs): boolean {
  return version !== null || route !== null;
}

/** Taken twice: what was there before the first is what goes back. */
function takenVersion(open: VersionRung | null, rung: VersionRung): VersionRung | null {
  if (rung.action === "undone") return null;
  return open?.before == null ? rung : { ...rung, before: open.before };
}

function takenRoute(open: RouteRung | null, rung: RouteRung): RouteRung | null {
  if (rung.action === "undone") return null;
  if (open === null || open.zoneId !== rung.zoneId) return rung;
  const known = new Set(rung.routes.map(({ pattern }) => pattern));
  const kept = open.routes.filter(({ pattern }) => !known.has(pattern));
  return { ...rung, routes: [...kept, ...rung.routes] };
}
