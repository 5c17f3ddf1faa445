/** Whether what is stored can be obeyed, and what limits it. */

import type { GuardianCap } from "../../domain/guardian/cap.ts";
import { oddlyWritten } from "../../domain/state/odd-keys.ts";
import type { RawState } from "../../domain/state/state.ts";
import { isEmergency, parseState } from "../../domain/state/state.ts";
import { isoSeconds } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Check } from "../lib/check.ts";
import { invocation } from "../lib/format.ts";

export function stateChecks(raw: RawState, ports: Ports): Check[] {
  const { config, stop, capped } = parseState(raw);
  // Written oddly, it may ask for an emergency: nothing that would lift it is advised.
  const mend = isEmergency({ config, stop })
    ? invocation(ports.target, "not-aus")
    : invocation(ports.target, 'restore --to 0 --reason "first config"');
  return [
    config.kind === "valid"
      ? {
          name: "config",
          result: config.value.canary_tag === ports.target.canaryTag ? "pass" : "warn",
          detail: `${config.value.canary_percent} %, tag ${config.value.canary_tag}`,
          fix:
            config.value.canary_tag === ports.target.canaryTag
              ? null
              : "set canaryTag in pixcanary.json to the stored tag",
        }
      : {
          name: "config",
          result: "fail",
          detail: config.kind === "absent" ? "does not exist" : config.problem,
          fix: mend,
        },
    stop.kind === "invalid"
      ? {
          name: "stop",
          result: "fail",
          detail: stop.problem,
          fix: invocation(ports.target, "not-aus"),
        }
      : {
          name: "stop",
          result: "pass",
          detail: stop.kind === "valid" && stop.value.active ? "active" : "not active",
          fix: null,
        },
    ...oddlyWritten(raw.config).map((detail): Check => {
      const fix = "it is in force as read; the next reduce, restore or ramp writes it properly";
      return { name: "config", result: "warn", detail, fix };
    }),
    ...(capped === undefined ? [] : [capCheck(capped.cap, ports)]),
  ];
}

function capCheck({ percent, at, by, reason }: GuardianCap, { target }: Ports): Check {
  return {
    name: "cap",
    result: "warn",
    detail: `at most ${percent} % since ${isoSeconds(at || "an unknown time")} by ${by}: ${reason}`,
    fix: `${invocation(target, "restore")} --reason "…"   # when the cause is fixed`,
  };
}
