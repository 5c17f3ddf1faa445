/** The ladder's ports, whose adapters are loaded when they are first asked: a plain stop does without them. */
import type { Deployments, Routes } from "../ports/ladder.ts";
import type { LadderOptions } from "./worker-deployments.ts";

export interface Ladder {
  deployments: Deployments;
  routes: Routes;
}

export function createLadder(options: LadderOptions): Ladder {
  const deployments = async (): Promise<Deployments> =>
    (await import("./worker-deployments.ts")).createDeployments(options);
  const routes = async (): Promise<Routes> =>
    (await import("./worker-routes.ts")).createRoutes(options);
  return {
    deployments: {
      list: async (call) => (await deployments()).list(call),
      versions: async (call) => (await deployments()).versions(call),
      bindings: async (id, call) => (await deployments()).bindings(id, call),
      deploy: async (split, call) => (await deployments()).deploy(split, call),
    },
    routes: {
      zone: async (name, call) => (await routes()).zone(name, call),
      list: async (zoneId, call) => (await routes()).list(zoneId, call),
      records: async (zoneId, host, call) => (await routes()).records(zoneId, host, call),
      remove: async (zoneId, routeId, call) => (await routes()).remove(zoneId, routeId, call),
      add: async (zoneId, route, call) => (await routes()).add(zoneId, route, call),
    },
  };
}

/** Where the API cannot be asked. */
export function refusingLadder(refuse: () => Promise<never>): Ladder {
  return {
    deployments: { list: refuse, versions: refuse, bindings: refuse, deploy: refuse },
    routes: { zone: refuse, list: refuse, records: refuse, remove: refuse, add: refuse },
  };
}
