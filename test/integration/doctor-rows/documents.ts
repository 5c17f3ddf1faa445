/** What the documents of `/qa` show. */
import type { DoctorStage } from "../doctor-stage.ts";
import { configText } from "../lane.ts";
import { at, HOUR_MS, inSandbox, LOCATION, type Row } from "./row.ts";

const nativeFails =
  (problem: string): Parameters<DoctorStage["edit"]>[0] =>
  ({ health }) =>
    Object.assign(health.native, { status: "failing", problem });

export const DOCUMENTS: Row[] = [
  {
    name: "a cache that says so",
    breaks(stage) {
      stage.between = (answer) => ({
        ...answer,
        headers: { ...answer.headers, "cf-cache-status": "HIT", age: "40" },
      });
      return {};
    },
    finds: [
      "fail",
      LOCATION,
      /a cache answers .*cf-cache-status: HIT, age: 40/,
      /"cache" in wrangler/,
    ],
  },
  {
    name: "a cache that does not say so",
    breaks: (stage) =>
      inSandbox(stage.edit((qa) => Object.assign(qa, { timestamp: at(-10 * 60_000) }))),
    finds: ["fail", LOCATION, /was made 10 min ago: a copy/, /Cache Rules/],
  },
  {
    name: "a document from the future",
    breaks: (stage) => inSandbox(stage.edit((qa) => Object.assign(qa, { timestamp: at(HOUR_MS) }))),
    finds: ["fail", LOCATION, /is in the future/, /who answers there/],
  },
  {
    name: "an old Worker",
    breaks: (stage) => inSandbox(stage.edit((qa) => Object.assign(qa, { emergencies: undefined }))),
    finds: ["warn", LOCATION, /an older Worker/, /npx wrangler deploy/],
  },
  {
    name: "a deployment that is half done",
    breaks(stage) {
      const { locations } = stage.lane.sandbox.description;
      stage.edit((qa) => Object.assign(qa, { colo: "AMS", worker_version: "v2" }));
      return { settings: { qaUrls: [`${locations[0]?.url}/qa`, `${stage.front}/qa`] } };
    },
    finds: [
      "warn",
      "qaUrls",
      /different Worker versions: .* at FRA; v2 at AMS/,
      /deployments status/,
    ],
  },
  {
    name: "no cookie keys",
    breaks: (stage) => inSandbox(stage.edit((qa) => Object.assign(qa, { cookie_key_ids: [] }))),
    finds: ["warn", LOCATION, /no cookie keys/, /wrangler secret put COOKIE_KEYS/],
  },
  {
    name: "a rotation that was not finished",
    breaks: (stage) =>
      inSandbox(stage.edit((qa) => Object.assign(qa, { cookie_key_ids: ["k2", "k1"] }))),
    finds: [
      "warn",
      LOCATION,
      /k2, k1: a rotation is not finished/,
      /^pixcanary setup rotate-keys /,
    ],
  },
  {
    name: "no KV binding",
    breaks: (stage) => inSandbox(stage.edit((qa) => Object.assign(qa.canary, { source: "none" }))),
    finds: ["fail", LOCATION, /KV_CANARY_CONFIG is not bound/, /bind KV_CANARY_CONFIG/],
  },
  {
    name: "a Worker that cannot read KV",
    breaks: ({ control }) => inSandbox(control.setKv({ reads: "throw" })),
    finds: ["warn", LOCATION, /state from memory \(last-good\)/, /Workers KV at www/],
  },
  {
    name: "one location that is late",
    breaks(stage) {
      const { control, front, lane } = stage;
      stage.put("config", configText(10, { last_updated: at(-HOUR_MS), revision: "NEW" }));
      control.setKv({ catchUp: true });
      stage.edit((qa) => {
        qa.colo = "AMS";
        qa.canary.revision = "BEFORE";
      });
      const { locations } = lane.sandbox.description;
      return { settings: { qaUrls: [`${locations[0]?.url}/qa`, `${front}/qa`] } };
    },
    finds: ["fail", "/qa AMS", /shows config BEFORE, stored is NEW/, /^pixcanary verify /],
  },
  {
    name: "no database binding",
    breaks: (stage) => inSandbox(stage.edit(nativeFails("database: not bound"))),
    finds: ["warn", LOCATION, /native failing: database: not bound/, /bind HYPERDRIVE/],
  },
  {
    name: "no media binding",
    breaks: (stage) => inSandbox(stage.edit(nativeFails("R2: not bound"))),
    finds: ["warn", LOCATION, /native failing: R2: not bound/, /bind MEDIA/],
  },
  {
    name: "no origin configured",
    breaks: (stage) =>
      inSandbox(
        stage.edit(({ health }) =>
          Object.assign(health.proxy, { status: "failing", problem: "origin: not configured" }),
        ),
      ),
    finds: ["fail", LOCATION, /proxy\) failing: origin: not configured/, /set ORIGIN_URL/],
  },
];

/** At the end: `/qa` keeps its pings for 5 s. */
export const BACKENDS: Row[] = [
  {
    name: "native's database is down",
    async breaks(stage) {
      stage.control.setNative({ databaseDown: true });
      await stage.untilPinged("failing", "healthy");
      return {};
    },
    finds: ["warn", LOCATION, /native failing: database: /, /^pixcanary doctor .*--deep/],
  },
  {
    name: "the legacy origin is down",
    async breaks(stage) {
      stage.control.setOrigin({ down: true });
      await stage.untilPinged("healthy", "failing");
      return {};
    },
    finds: ["fail", LOCATION, /legacy origin \(proxy\) failing: /, /look at the legacy origin/],
  },
];
