/** What a rung changes in the account: looked at before it is taken, and again when it is put back. */
import type { RungToDrill } from "../../domain/drill/rungs.ts";
import { isSameSplit, type Share, splitText } from "../../domain/ladder/proxy-only.ts";
import type { Ports } from "../../ports/ports.ts";
import { asUpstream } from "../lib/write-result.ts";

export interface Account {
  /** What is deployed; null: this rung leaves that alone. */
  split: readonly Share[] | null;
  /** "pattern → worker", sorted; null: as above. */
  routes: readonly string[] | null;
}

/** Throws UpstreamError. */
export async function readAccount(
  rung: RungToDrill["name"],
  ports: Ports,
  signal: AbortSignal,
): Promise<Account> {
  if (rung === "stop") return { split: null, routes: null };
  const [split, routes] = await Promise.all([
    ports.deployments.list({ signal }).then(([newest]) => newest?.split ?? []),
    rung === "route" ? routesOf(ports, signal) : null,
  ]);
  return { split, routes };
}

async function routesOf(
  { routes, target: { zone } }: Ports,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (zone === null) return [];
  const found = await routes.list(await routes.zone(zone, { signal }), { signal });
  return found.map(({ pattern, script }) => `${pattern} → ${script ?? "no Worker"}`).sort();
}

/** In words; null: all is as it was. Never throws. */
export async function whatIsLeft(
  before: Account,
  ports: Ports,
  signal: AbortSignal,
): Promise<string | null> {
  if (before.split === null) return null;
  try {
    const now = await readAccount(before.routes === null ? "version" : "route", ports, signal);
    const other: string[] = [];
    if (!isSameSplit(now.split ?? [], before.split)) {
      other.push(`deployed now: ${splitText(now.split ?? [])}; before: ${splitText(before.split)}`);
    }
    if ((now.routes ?? []).join() !== (before.routes ?? []).join()) {
      other.push(`routes now: ${text(now.routes)}; before: ${text(before.routes)}`);
    }
    return other.length === 0 ? null : `not put back as it was: ${other.join("; ")}`;
  } catch (thrown) {
    return `whether all is put back is unknown: ${asUpstream(thrown).message}`;
  }
}

function text(routes: Account["routes"]): string {
  return routes === null || routes.length === 0 ? "none" : routes.join(", ");
}
