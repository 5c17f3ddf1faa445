/** Where the ramp stands: by this machine's file, or as KV shows it. Reads only. */
import { isOver } from "../../domain/ramp/document.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Outcome, ReadingVerb } from "../command.ts";
import { noFlags } from "../flag.ts";
import { age, invocation } from "../lib/format.ts";
import { type Owner, ownerLines, ownerOf } from "../lib/owner.ts";
import { READ_LIMIT_MS } from "../lib/stored-state.ts";
import { findRamp, type KnownRamp } from "./store.ts";
import { rampLines } from "./text.ts";

export interface RampStatusData extends Owner {
  ramp: KnownRamp["ramp"] | null;
  from: KnownRamp["from"] | null;
  /** A process of this machine carries it out right now. */
  alive: boolean;
  env: string;
  at_ms: number;
}

export const rampStatus: ReadingVerb<typeof noFlags, RampStatusData> = {
  name: "ramp status",
  summary: "Show the ramp's step, gate and what comes next",
  details:
    "Works for a ramp on this machine, on another one, or in the Worker's cron. Changes nothing.",
  examples: [
    "pixcanary ramp status --env production",
    "pixcanary ramp status --env production --json",
  ],
  timeoutMs: 20_000,
  input: noFlags,
  run: (_input, ports) => look(ports),
  render,
};

async function look(ports: Ports): Promise<Outcome<RampStatusData>> {
  const signal = AbortSignal.any([ports.clock.timeout(READ_LIMIT_MS), ports.interrupt]);
  const { known, warnings } = await findRamp(ports, signal);
  for (const warning of warnings) ports.progress.warn(warning);
  const data: RampStatusData = {
    ramp: known?.ramp ?? null,
    from: known?.from ?? null,
    alive: known?.alive ?? false,
    env: ports.target.env,
    ...ownerOf(ports.target),
    at_ms: ports.clock.now(),
  };
  if (known === null || isOver(known.ramp)) return { kind: "done", changed: false, data };
  const dead = known.from === "here" && known.ramp.mode === "attached" && !known.alive;
  const next = invocation(
    ports.target,
    dead || known.ramp.paused !== null ? "ramp resume" : "ramp pause",
  );
  return { kind: "done", changed: false, data, next };
}

function render(outcome: Outcome<RampStatusData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { ramp, env, at_ms } = outcome.data;
  const lines = ramp === null ? [`  no ramp in ${env}`] : rampLines(ramp, at_ms, env);
  if (ramp !== null && !isOver(ramp)) lines.push(`  seen      ${lifeText(outcome.data)}`);
  return [...lines, ...ownerLines(outcome.data)].map(escapeForTerminal).join("\n");
}

function lifeText({ ramp, from, alive, at_ms }: RampStatusData): string {
  const last = `last update ${age(at_ms - Date.parse(ramp?.updated_at ?? ""))}`;
  if (ramp?.mode === "detached") return `in the Worker's cron, ${last}`;
  if (from === "kv") return `on ${ramp?.host ?? "an unknown host"}, ${last}`;
  return alive ? "running on this machine" : `its process has died, ${last}`;
}
