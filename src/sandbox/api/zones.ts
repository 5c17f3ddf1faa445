/** The account's zones: which paths lead to its Worker, and where their hosts point without it. */
import { randomBytes } from "node:crypto";

export interface Route {
  id: string;
  /** E.g. `api.pix.test/*`. */
  pattern: string;
  /** The Worker's name; null: a route that keeps Workers off. */
  script: string | null;
}

export interface DnsRecord {
  id: string;
  type: "A" | "AAAA" | "CNAME";
  name: string;
  content: string;
  proxied: boolean;
}

export interface Zone {
  id: string;
  name: string;
  routes: Route[];
  records: DnsRecord[];
}

export class Zones {
  readonly list: Zone[] = [];
  readonly #changed: () => Promise<void>;

  /** `changed` resolves when all locations obey the routes. */
  constructor(changed: () => Promise<void>) {
    this.#changed = changed;
  }

  /** A host below the zone, proxied to the legacy origin, with a route of this Worker. */
  add(name: string, given: { host: string; legacy: string; script: string }): Zone {
    const { host, legacy, script } = given;
    const type = /^[\d.]+$/.test(legacy) ? "A" : "CNAME";
    const zone: Zone = {
      id: newId(),
      name,
      routes: [{ id: newId(), pattern: `${host}/*`, script }],
      records: [{ id: newId(), type, name: host, content: legacy, proxied: true }],
    };
    this.list.push(zone);
    return zone;
  }

  find(id: string): Zone | null {
    return this.list.find((zone) => zone.id === id) ?? null;
  }

  /** Without zones the addresses of the locations are all there is, and lead to any Worker. */
  leadTo(script: string): boolean {
    const routes = this.list.flatMap((zone) => zone.routes);
    return this.list.length === 0 || routes.some((route) => route.script === script);
  }

  /** Null when there is one with this pattern already. */
  async create(zone: Zone, route: Omit<Route, "id">): Promise<Route | null> {
    if (zone.routes.some(({ pattern }) => pattern === route.pattern)) return null;
    const made = { ...route, id: newId() };
    zone.routes.push(made);
    await this.#changed();
    return made;
  }

  /** False when there is none with this id. */
  async remove(zone: Zone, id: string): Promise<boolean> {
    const left = zone.routes.filter((route) => route.id !== id);
    if (left.length === zone.routes.length) return false;
    zone.routes = left;
    await this.#changed();
    return true;
  }
}

function newId(): string {
  return randomBytes(16).toString("hex");
}
