/** What is stored in KV. */
import { rampOf } from "../../domain/ramp/world.ts";
import { configText } from "../lane.ts";
import { at, HOUR_MS, inSandbox, type Row } from "./row.ts";

export const STORED: Row[] = [
  {
    name: "no config",
    breaks: ({ control }) => inSandbox(control.store.delete("config")),
    finds: ["fail", "config", /does not exist/, /restore .*--to 0 --reason "first config"/],
  },
  {
    name: "an unreadable config",
    breaks: (stage) => inSandbox(stage.put("config", "{")),
    finds: ["fail", "config", /is not JSON/, /^pixcanary restore .*--to 0/],
  },
  {
    name: "no stop",
    breaks: ({ control }) => inSandbox(control.store.delete("stop")),
    finds: [
      "warn",
      "stop",
      /does not exist: the first stop may take a minute longer/,
      /^pixcanary setup /,
    ],
  },
  {
    name: "an unreadable stop",
    breaks: (stage) => inSandbox(stage.put("stop", "{")),
    finds: ["fail", "stop", /is not JSON/, /^pixcanary not-aus /],
  },
  {
    name: "a share written as text",
    breaks: (stage) => inSandbox(stage.put("config", configText(10).replace(":10,", ':"10",'))),
    finds: ["warn", "config", /written as "10", and read as 10/, /in force as read/],
  },
  {
    name: "an unreadable key besides",
    breaks: (stage) => inSandbox(stage.put("ramp", "{")),
    finds: ["warn", "ramp", /cannot be read: no ramp runs/, /wrangler kv key delete .* ramp$/],
  },
  {
    name: "another tag",
    breaks: () => ({ settings: { canaryTag: "B3" } }),
    finds: ["warn", "config", /tag B2a; pixcanary\.json says B3/, /set canaryTag .* B2a/],
  },
  {
    name: "a stop that nobody has ended for days",
    breaks: (stage) =>
      inSandbox(stage.put("stop", { active: true, id: "OLD", at: at(-72 * HOUR_MS) })),
    finds: ["warn", "stop", /active since 20.*\(3 days ago\)/, /^pixcanary restore /],
  },
  {
    name: "a guardian's cap that nobody has lifted",
    breaks: (stage) =>
      inSandbox(
        stage.put("guardian-cap", {
          ...{ schema: 1, id: "CAP", at: at(0), by: "guardian", reason: "errors", percent: 5 },
        }),
      ),
    finds: ["warn", "cap", /at most 5 % since .* by guardian: errors/, /^pixcanary restore /],
  },
  {
    name: "a lease that has run out",
    breaks: (stage) =>
      inSandbox(
        stage.put(
          "config",
          configText(10, { lease: { expires_at: at(-HOUR_MS), fallback_percent: 5 } }),
        ),
      ),
    finds: ["warn", "config", /its lease ran out .*5 % in force/, /^pixcanary restore .*--to 5/],
  },
  {
    name: "a ramp that nobody runs any more",
    breaks: (stage) =>
      inSandbox(stage.put("ramp", rampOf("20:1s,30", { nowMs: Date.now() - HOUR_MS }))),
    finds: [
      "warn",
      "ramp",
      /no sign of life from laptop since/,
      /^pixcanary ramp resume .*ramp abort/,
    ],
  },
  {
    name: "a cron that has never run",
    breaks: ({ control }) => inSandbox(control.store.delete("guardian")),
    finds: ["warn", "guardian", /GUARDIAN is observe, but its cron has never run/, /"triggers"/],
  },
  {
    name: "a cron that runs no more",
    breaks(stage) {
      const guardian = JSON.parse(stage.control.store.text("guardian") ?? "{}");
      stage.put("guardian", { ...guardian, last_tick: at(-HOUR_MS) });
      return {};
    },
    finds: ["warn", "guardian", /its cron last ran .*6\d min ago/, /"crons": \["\* \* \* \* \*"\]/],
  },
];
