/** The sandbox's API alone, for a token that does not look like one. */
import { AccountWorker } from "../../src/sandbox/api/account-worker.ts";
import { createApi } from "../../src/sandbox/api/app.ts";
import type { FaultRuleInput } from "../../src/sandbox/api/faults.ts";
import { Limits } from "../../src/sandbox/api/limits.ts";
import { Namespaces } from "../../src/sandbox/api/namespaces.ts";
import { ApiServer } from "../../src/sandbox/api/server.ts";
import { Tokens } from "../../src/sandbox/api/tokens.ts";
import { Zones } from "../../src/sandbox/api/zones.ts";
import { CentralStore } from "../../src/sandbox/kv/central-store.ts";
import { ACCOUNT, NAMESPACE, noBuckets } from "../sandbox/api-harness.ts";
import { configText } from "./lane.ts";
import { API_SECRET } from "./leaks.ts";

export interface Api {
  url: string;
  store: CentralStore;
  close(): Promise<void>;
}

/** The sandbox's API, which knows our token. */
export async function knowingApi(faults: readonly FaultRuleInput[]): Promise<Api> {
  const store = new CentralStore();
  store.put("config", configText(10, { revision: "01JCQ000000000000000000000" }));
  const tokens = new Tokens(ACCOUNT);
  const known = tokens.create("full");
  const find = tokens.find.bind(tokens);
  tokens.find = (secret) => find(secret === API_SECRET ? known : secret);
  const app = createApi({
    namespaces: new Namespaces({ id: NAMESPACE, title: "KV_CANARY_CONFIG", store }),
    tokens,
    limits: new Limits(false),
    r2: { names: new Set(), bucket: noBuckets },
    jobs: [],
    worker: new AccountWorker({ name: null, run: async () => undefined }),
    zones: new Zones(async () => undefined),
    boundNamespaceId: "",
    accountId: ACCOUNT,
    now: Date.now,
  });
  const server = new ApiServer(app);
  const url = await server.start();
  await server.faults.replace(faults);
  return { url, store, close: () => server.close() };
}
