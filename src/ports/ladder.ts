/** What the ladder needs of the account beyond KV: deployments of the Worker, and its routes. */
import type { Share, WorkerVersion } from "../domain/ladder/proxy-only.ts";
import type { DnsRecord, Route } from "../domain/ladder/routes.ts";
import type { CallOptions } from "./api.ts";
import { UpstreamError } from "./errors.ts";

export interface Deployment {
  /** RFC 3339. */
  at: string;
  /** Who made it, and as what they described it; from outside. */
  by: string | null;
  message: string | null;
  /** One or two versions. */
  split: readonly Share[];
}

/** A deployment would also bring back secrets as they were: it wants `force`. */
export class SecretsChanged extends UpstreamError {}

/** The environment's Worker. Methods throw UpstreamError; looking is repeated within reason. */
export interface Deployments {
  /** The newest first; none: it was never deployed. */
  list(options: CallOptions): Promise<readonly Deployment[]>;
  /** Those that can be deployed (100 at most), the newest first. */
  versions(options: CallOptions): Promise<readonly WorkerVersion[]>;
  /** The names of what is bound to this version, secrets included. */
  bindings(versionId: string, options: CallOptions): Promise<readonly string[]>;
  /**
   * Repeated within reason: the same split again changes nothing. A lost answer is `ambiguous`. Throws
   * SecretsChanged unless `force`.
   */
  deploy(
    split: readonly Share[],
    options: CallOptions & { message: string; force?: boolean },
  ): Promise<void>;
}

/** A zone's Workers routes and DNS records. Methods throw UpstreamError and are repeated within reason. */
export interface Routes {
  /** The zone's id; `not-found` where the token sees none of this name. */
  zone(name: string, options: CallOptions): Promise<string>;
  list(zoneId: string, options: CallOptions): Promise<readonly Route[]>;
  records(zoneId: string, host: string, options: CallOptions): Promise<readonly DnsRecord[]>;
  /** One that is gone already is none to remove. */
  remove(zoneId: string, routeId: string, options: CallOptions): Promise<void>;
  /** One that is there already is none to add. */
  add(zoneId: string, route: Omit<Route, "id">, options: CallOptions): Promise<void>;
}
