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

/** What an entry of the journal says of rungs, and by whom and when. */
export interface RungEntry {
  at: string;
  actor: string;
  rung?: Rung | undefined;
}

interface Open<R extends Rung> {
  rung: R;
  /** RFC 3339. */
  at: string;
  by: string;
}

export interface OpenRungs {
  version: Open<VersionRung> | null;
  route: Open<RouteRung> | null;
}

/** What is taken and not undone, by the entries of the journal, oldest first. */
export function openRungs(entries: readonly RungEntry[]): OpenRungs {
  const open: OpenRungs = { version: null, route: null };
  for (const { rung, at, actor: by } of entries) {
    if (rung?.via === "version") open.version = takenVersion(open.version, { rung, at, by });
    if (rung?.via === "route") open.route = takenRoute(open.route, { rung, at, by });
  }
  return open;
}

/** Taken again while it was deployed: nothing else was there before. */
function takenVersion(open: OpenRungs["version"], now: Open<VersionRung>): OpenRungs["version"] {
  if (now.rung.action === "undone") return null;
  if (now.rung.before !== null || open === null) return now;
  return { ...now, rung: { ...now.rung, before: open.rung.before } };
}

function takenRoute(open: OpenRungs["route"], now: Open<RouteRung>): OpenRungs["route"] {
  if (now.rung.action === "undone") return null;
  // Found deleted, and nobody knows which it was: that is for `/qa` to show.
  if (open === null && now.rung.routes.length === 0) return null;
  if (open === null || open.rung.zoneId !== now.rung.zoneId) return now;
  const known = new Set(now.rung.routes.map(({ pattern }) => pattern));
  const kept = open.rung.routes.filter(({ pattern }) => !known.has(pattern));
  return { ...now, rung: { ...now.rung, routes: [...kept, ...now.rung.routes] } };
}
