/** Files and settings of the operator, and this machine. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClock } from "../../../src/adapters/clock.ts";
import { makeKeyFile } from "../../../src/adapters/operator-key.ts";
import { patientClock } from "../../support/here.ts";
import type { Broken, DoctorStage } from "../doctor-stage.ts";
import { configText } from "../lane.ts";
import { at, HOUR_MS, type Row } from "./row.ts";

/** A secret in a file that all can read. */
const exposed =
  (setting: string, variable: string, value: (stage: DoctorStage) => string) =>
  async (stage: DoctorStage): Promise<Broken> => {
    const path = join(stage.home, setting);
    await writeFile(path, value(stage), { mode: 0o644 });
    return { settings: { [setting]: path }, env: { [variable]: undefined } };
  };

export const FILES: Row[] = [
  {
    name: "an API token in a file that all can read",
    breaks: exposed(
      "tokenFile",
      "CLOUDFLARE_API_TOKEN",
      (s) => s.lane.sandbox.description.apiToken,
    ),
    finds: [
      "fail",
      "token",
      /can be read or changed by others \(mode 0644\)/,
      /chmod 600 .*tokenFile/,
    ],
    code: 23,
  },
  {
    name: "a /qa token in a file that all can read",
    breaks: exposed("qaTokenFile", "PIXCANARY_QA_TOKEN", (s) => s.lane.sandbox.description.qaToken),
    finds: ["fail", "/qa token", /can be read or changed by others/, /chmod 600 .*qaTokenFile/],
  },
  {
    name: "a session in a file that all can read",
    breaks: exposed("sessionFile", "PIXCANARY_SESSION", (s) => s.lane.sandbox.description.session),
    finds: ["fail", "session", /can be read or changed by others/, /chmod 600 .*sessionFile/],
  },
  {
    name: "an operator key in a file that all can read",
    async breaks(stage) {
      const keyFile = join(stage.home, "operator-key");
      await writeFile(keyFile, "no key", { mode: 0o644 });
      return { settings: { operator: { name: "anna", keyFile } } };
    },
    finds: [
      "warn",
      "operator key",
      /can be read or changed by others/,
      /^chmod 600 .*operator-key$/,
    ],
  },
  {
    name: "an operator key that the Worker does not know",
    async breaks(stage) {
      const keyFile = join(stage.home, "new-operator-key");
      await makeKeyFile(keyFile);
      return { settings: { operator: { name: "anna", keyFile } } };
    },
    finds: [
      "warn",
      "operator key",
      /^anna \S{12} is not in the Worker's OPERATOR_KEYS at FRA$/,
      /^add its line to OPERATOR_KEYS/,
    ],
  },
  {
    name: "a host that may not get a token",
    breaks: () => ({
      settings: { notify: { webhook: { url: "https://hooks.invalid/x" } } },
      env: { PIXCANARY_WEBHOOK_TOKEN: "w".repeat(40) },
    }),
    finds: [
      "fail",
      "token hosts",
      /webhook token → hooks\.invalid \(not sent\)/,
      />> .*allowed-hosts/,
    ],
  },
  {
    name: "a notification channel without its secret",
    breaks: () => ({ settings: { notify: { slack: {} } } }),
    finds: [
      "warn",
      "slack",
      /PIXCANARY_SLACK_WEBHOOK is not set/,
      /export PIXCANARY_SLACK_WEBHOOK=/,
    ],
  },
  {
    name: "two qaUrls at one location",
    breaks: ({ front }) => ({ settings: { qaUrls: [`${front}/qa`, `${front}/qa?two`] } }),
    finds: ["warn", "qaUrls", /2 \/qa answer from FRA/, /one address per location/],
  },
  {
    name: "a namespace that does not exist",
    breaks: () => ({ settings: { namespaceId: "f".repeat(32) } }),
    finds: ["fail", "namespace", /HTTP 404/, /check accountId and namespaceId/],
  },
  {
    name: "the namespace of another environment",
    breaks({ control: { account } }) {
      const id = account.namespaces.create(`staging-${Math.random()}`)?.id ?? "";
      const store = account.namespaces.find(id)?.store;
      store?.put("config", configText(5, { last_updated: at(-HOUR_MS), revision: "OTHER" }));
      store?.put("stop", JSON.stringify({ active: false }));
      return { settings: { namespaceId: id } };
    },
    finds: [
      "fail",
      "namespace",
      /every \/qa shows .*stored is OTHER.*read another one\?/,
      /^compare namespaceId with the id of KV_CANARY_CONFIG/,
    ],
  },
  {
    name: "wrangler's preview namespace",
    breaks({ control: { account } }) {
      const id = account.namespaces.create("pix-KV_CANARY_CONFIG_preview")?.id;
      return { settings: { namespaceId: id } };
    },
    finds: ["fail", "namespace", /is for wrangler dev/, /not the preview_id/],
  },
  {
    name: "changes that were never delivered",
    async breaks(stage) {
      const CLOUDFLARE_API_TOKEN = stage.control.createToken("no-permissions");
      await stage.run(["incident", "open", "slow"], { env: { CLOUDFLARE_API_TOKEN } });
      return {};
    },
    finds: ["warn", "queue", /^1 change not yet in the journal/, /^pixcanary deliver /],
  },
  {
    name: "a clock that is an hour ahead",
    breaks: () => ({ clock: { ...patientClock(), now: () => createClock().now() + HOUR_MS } }),
    finds: ["fail", "clock", /^3[56]\d\d s ahead of the API's clock/, /timedatectl set-ntp true/],
  },
];
