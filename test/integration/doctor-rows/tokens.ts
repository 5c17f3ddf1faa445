/** The API token, and the API as it is reached with it. */
import { PERMISSIONS } from "../../../src/sandbox/index.ts";
import { rampOf } from "../../domain/ramp/world.ts";
import type { Broken, DoctorStage } from "../doctor-stage.ts";
import { inSandbox, type Row } from "./row.ts";

type TokenKind = Parameters<DoctorStage["control"]["createToken"]>[0];

const withToken =
  (kind: TokenKind, settings: Broken["settings"] = {}) =>
  ({ control }: DoctorStage): Broken => ({
    settings,
    env: { CLOUDFLARE_API_TOKEN: control.createToken(kind) },
  });

const without = (...words: string[]) =>
  withToken({
    permissions: PERMISSIONS.filter((one) => !words.some((word) => one.includes(word))),
  });

export const TOKENS: Row[] = [
  {
    name: "no API token",
    breaks: () => ({ env: { CLOUDFLARE_API_TOKEN: undefined } }),
    finds: ["fail", "token", /^no API token/, /export CLOUDFLARE_API_TOKEN=/],
    code: 23,
  },
  {
    name: "an API token that was revoked",
    breaks: () => ({ env: { CLOUDFLARE_API_TOKEN: `cfut_${"0".repeat(40)}` } }),
    finds: [
      "fail",
      "token",
      /HTTP 401 \(the token is not accepted\)/,
      /export CLOUDFLARE_API_TOKEN=/,
    ],
    code: 23,
  },
  {
    name: "an API token that has expired",
    breaks: withToken("expired"),
    finds: ["fail", "token", /the token is expired/, /new token: Workers KV Storage: Edit/],
    code: 23,
  },
  {
    name: "an API token that is disabled",
    breaks: withToken("disabled"),
    finds: ["fail", "token", /the token is disabled/, /^enable it in the dashboard/],
    code: 23,
  },
  {
    name: "an API token that is not valid yet",
    breaks: withToken("not-yet-valid"),
    finds: ["fail", "token", /not valid before 20/, /^wait until then, or new token/],
    code: 23,
  },
  {
    name: "an API token for other addresses",
    breaks: withToken("ip-filtered"),
    finds: ["fail", "token", /refused from this address/, /Client IP Address Filtering/],
    code: 23,
  },
  {
    name: "an API token of another account",
    breaks: withToken("wrong-account"),
    finds: ["fail", "account", /the token is for account [0-9a-f]{32}/, /or correct accountId$/],
    code: 23,
  },
  {
    name: "an API token that expires soon",
    breaks: withToken("expiring"),
    finds: ["warn", "token", /active, expires 20/, /new token/],
  },
  {
    name: "an API token that expires before the ramp that runs can end",
    breaks(stage) {
      stage.put("ramp", rampOf("20:2h,30:24h", { nowMs: Date.now() }));
      return withToken("expiring")(stage);
    },
    finds: ["warn", "token", /before the running ramp can end/, /new token/],
  },
  {
    name: "an API token that expires before a configured ramp could end",
    breaks: withToken("expiring", { ramps: { slow: "5:2h,10:24h,100" } }),
    finds: ["warn", "token", /before a ramp "slow" \(26 h\) could end/, /new token/],
  },
  {
    name: "an API token that may only read KV",
    breaks: without("Workers KV Storage Write"),
    finds: [
      "fail",
      "KV write",
      /it needs Workers KV Storage: Edit/,
      /Workers KV Storage: Edit on this/,
    ],
  },
  {
    name: "an API token that may not touch KV",
    breaks: without("Workers KV Storage"),
    finds: [
      "fail",
      "namespace",
      /it needs Workers KV Storage: Read/,
      /Workers KV Storage: Edit on this/,
    ],
  },
  {
    name: "an API token without Account Analytics",
    breaks: without("Account Analytics"),
    finds: ["warn", "metrics", /HTTP 403/, /give the token Account Analytics: Read/],
  },
  {
    name: "an API token without R2",
    breaks: without("Workers R2"),
    finds: ["warn", "logs", /HTTP 403/, /give the token Workers R2 Storage: Read/],
  },
  {
    name: "an API token without Workers Tail",
    breaks: without("Workers Tail"),
    finds: ["warn", "tail", /HTTP 403/, /give the token Workers Tail: Read/],
  },
  {
    name: "few API requests left",
    breaks: ({ control }) => inSandbox(control.setApi({ limits: { requests: true, budget: 60 } })),
    finds: [
      "warn",
      "token",
      /^\d\d? API requests left in the next \d+ (s|min)/,
      /a token of its own/,
    ],
  },
  {
    name: "no API request left",
    breaks: ({ control }) =>
      inSandbox(control.setApi({ limits: { requests: true }, exhaustBudget: true })),
    finds: ["fail", "API", /HTTP 429 \(too many requests\)/, /^wait \d+ (s|min); end what else/],
  },
  {
    name: "the API cannot be reached",
    breaks: async ({ control }) => inSandbox(await control.setFaults([{ kind: "outage" }])),
    finds: ["fail", "API", /connection refused/, /www\.cloudflarestatus\.com/],
  },
  {
    name: "no network",
    async breaks({ control }) {
      await control.setFaults([{ kind: "outage" }]);
      return { settings: { qaUrls: ["http://127.0.0.1:1/qa"] } };
    },
    finds: ["fail", "network", /neither the API nor any \/qa/, /this machine's network/],
  },
];
