/** What keeps the rungs beyond a plain stop from being taken. */
import { inSandbox, type Row } from "./row.ts";

export const LADDER: Row[] = [
  {
    name: "a proxy-only version that is not held at 0 %",
    breaks: async ({ control }) => {
      const { worker } = control.account;
      const [live] = worker.deployments[0]?.split ?? [];
      if (live === undefined) throw new Error("nothing is deployed");
      return inSandbox(await worker.deploy([live]));
    },
    finds: [
      "warn",
      "proxy-only",
      /not held at 0 %/,
      /wrangler versions deploy [\w-]{36}@100% [\w-]{36}@0% --name pix-sandbox --yes/,
    ],
    code: 0,
  },
  {
    name: "a secret that the proxy-only version does not have",
    breaks: async ({ control }) => inSandbox(await control.account.worker.setSecrets({ NEW: "x" })),
    finds: ["warn", "proxy-only", /is from before NEW was bound/, /PROXY_ONLY:1/],
    code: 0,
  },
  {
    name: "a route whose host does not point at the legacy origin",
    breaks: () => ({ settings: { zone: "pix.test", legacyHosts: ["legacy.invalid"] } }),
    finds: ["warn", "route", /points at 127\.0\.0\.1, not at the legacy origin/, /legacyHosts/],
    code: 0,
  },
  {
    name: "a zone that the token does not see",
    breaks: () => ({ settings: { zone: "other.test", legacyHosts: ["127.0.0.1"] } }),
    finds: ["warn", "route", /sees no zone of this name/, /doctor/],
    code: 0,
  },
];
