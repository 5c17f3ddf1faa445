/** Whether the rungs beyond a plain stop could be taken now: all of it is a warning, a stop needs none of it. */
import {
  holdCommand,
  isHeld,
  notProxyOnly,
  proxyOnlyIn,
  servesAll,
  serving,
  shortId,
  uploadCommand,
  type WorkerVersion,
} from "../../domain/ladder/proxy-only.ts";
import type { OpenRungs } from "../../domain/ladder/rung.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import type { Deployment } from "../../ports/ladder.ts";
import type { Ports } from "../../ports/ports.ts";
import { type Check, passed, skipped, warned } from "../lib/check.ts";
import { invocation } from "../lib/format.ts";
import { lookAtRoutes } from "../lib/look-at-routes.ts";
import { asUpstream } from "../lib/write-result.ts";

const VERSION = "proxy-only";
const ROUTE = "route";

/** Never throws. */
export async function ladderChecks(
  ports: Ports,
  open: Promise<OpenRungs>,
  signal: AbortSignal,
): Promise<Check[]> {
  const guarded = (name: string, work: Promise<Check>): Promise<Check> =>
    work.catch((error: unknown) => {
      const { message, kind } = asUpstream(error);
      const detail = `not-aus --via ${name === ROUTE ? ROUTE : "version"}: ${message}`;
      // An operator's own token may well lack it: these rungs can have one that is kept apart.
      if (kind === "forbidden" || kind === "auth")
        return { name, result: "skip", detail, fix: null };
      // Of a name that no Worker has, the tail tells.
      if (kind === "not-found" && name === VERSION) return skipped(name, "tail");
      return warned(name, detail, invocation(ports.target, "doctor"));
    });
  const { zone } = ports.target;
  return Promise.all([
    guarded(VERSION, versionCheck(ports, signal)),
    ...(zone === null ? [] : [guarded(ROUTE, routeCheck(zone, open, ports, signal))]),
  ]);
}

async function versionCheck(ports: Ports, signal: AbortSignal): Promise<Check> {
  const { deployments, target } = ports;
  const [versions, [deployed]] = await Promise.all([
    deployments.versions({ signal }),
    deployments.list({ signal }),
  ]);
  const version = proxyOnlyIn(versions);
  if (version === null) {
    const why = `no version with the tag ${VERSION} among the newest ${versions.length}`;
    return warned(VERSION, why, uploadCommand(target.worker));
  }
  const [live = ""] = serving(deployed?.split ?? []);
  if (deployed !== undefined && servesAll(deployed.split, version.id)) {
    const restore = `${invocation(target, "restore")} --reason "…"`;
    return warned(VERSION, `${shortId(version.id)} is deployed to all visitors`, restore);
  }
  const missing = await missingOf(version, live, ports, signal);
  if (missing.length > 0) {
    const why = `${shortId(version.id)} is from before ${missing.join(", ")} was bound`;
    return warned(VERSION, why, uploadCommand(target.worker));
  }
  if (versions[0]?.id === version.id) {
    const why = `${shortId(version.id)} is the newest version: no secret can be set while another serves`;
    return warned(VERSION, why, "npx wrangler deploy");
  }
  return rehearsed(version, { deployed, live }, ports, signal);
}

/** What the live version has and the prepared one does not. */
async function missingOf(
  version: WorkerVersion,
  live: string,
  { deployments }: Ports,
  signal: AbortSignal,
): Promise<string[]> {
  if (live === "") return [];
  const [own, wanted] = await Promise.all([
    deployments.bindings(version.id, { signal }),
    deployments.bindings(live, { signal }),
  ]);
  return wanted.filter((name) => !own.includes(name));
}

/** Asked at each location by the version override header, which takes nobody to it. */
async function rehearsed(
  { id }: WorkerVersion,
  { deployed, live }: { deployed: Deployment | undefined; live: string },
  { qa, target }: Ports,
  signal: AbortSignal,
): Promise<Check> {
  if (!isHeld(deployed?.split ?? [], id)) {
    const hold = holdCommand(target.worker, live, id);
    return warned(VERSION, `${shortId(id)} is not held at 0 %: it cannot be rehearsed`, hold);
  }
  const version = { worker: target.worker, id };
  const looks = await Promise.all(
    qa.urls.map(async (url) => {
      const plain = qa.look(url, { signal, health: "cached" });
      const asked = await qa.look(url, { signal, health: "cached", version });
      return (await plain).qa === null ? null : asked;
    }),
  );
  // Where `/qa` shows nothing, a check of its own says why.
  const seen = looks.filter((look) => look !== null);
  const wrong = seen.filter((look) => notProxyOnly(look) !== null);
  if (wrong.length > 0) {
    const why = `${shortId(id)} does not answer by the override header at ${wrong.map(placeOf).join(", ")}`;
    return warned(VERSION, why, uploadCommand(target.worker));
  }
  const places =
    seen.length === 0 ? "" : `, answers by override at ${seen.map(placeOf).join(", ")}`;
  return passed(VERSION, `${shortId(id)} at 0 %${places}`);
}

async function routeCheck(
  zone: string,
  open: Promise<OpenRungs>,
  ports: Ports,
  signal: AbortSignal,
): Promise<Check> {
  if (ports.target.legacyHosts.length === 0) {
    return warned(ROUTE, "pixcanary.json names no legacyHosts", "add them, to use --via route");
  }
  const zoneId = await ports.routes.zone(zone, { signal });
  const [{ planned }, { route }] = await Promise.all([lookAtRoutes(zoneId, ports, signal), open]);
  if (planned.kind === "refused" && route !== null) {
    const patterns = route.rung.routes.map(({ pattern }) => pattern);
    const detail = `${patterns.join(", ")} is deleted: a rung that ${route.by} took; restore puts it back`;
    return warned(ROUTE, detail, `${invocation(ports.target, "restore")} --reason "…"`);
  }
  if (planned.kind === "refused") {
    return warned(
      ROUTE,
      `not-aus --via route would refuse: ${planned.why}`,
      "compare zone and legacyHosts with DNS",
    );
  }
  const patterns = planned.routes.map(({ pattern }) => pattern).join(", ");
  return passed(ROUTE, `${patterns} may go: DNS points at the legacy origin`);
}
