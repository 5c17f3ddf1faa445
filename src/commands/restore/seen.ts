/** A restore releases what its operator has seen: at the prompt, or named by `--stop`. */
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import type { Asked } from "../../domain/state/emergency.ts";
import { nameForOperators, unseenEmergencies } from "../../domain/state/unseen-emergencies.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Outcome } from "../command.ts";
import { invocation, shellWord, timeWithAge } from "../lib/format.ts";

type Refusal = Extract<Outcome<never>, { kind: "failed" }>;

/** What was named and is not in force; null when all of it is. */
export function namedInVain(
  inForce: readonly Asked[],
  named: readonly string[],
  ports: Ports,
): Refusal | null {
  const names = inForce.map(nameForOperators);
  const gone = named.filter((name) => !names.includes(name));
  if (gone.length === 0) return null;
  const message = `${gone.join(", ")} is not in force`;
  return refusal(message, inForce, ports, invocation(ports.target, "status"));
}

/** Why `--yes` alone does not do; null when it does. */
export function unseenBy(
  inForce: readonly Asked[],
  named: readonly string[],
  ports: Ports,
): Refusal | null {
  const { identity, clock, target } = ports;
  const by = { actor: identity.actor, nowMs: clock.now() };
  const unseen = unseenEmergencies(inForce, by).filter(
    (asked) => !named.includes(nameForOperators(asked)),
  );
  if (unseen.length === 0) return null;
  const message = `--yes does not release another operator's stop of less than 2 min ago: ${unseen.map((one) => told(one, by.nowMs)).join("; ")}`;
  const names = [...named, ...unseen.map(nameForOperators)].join(",");
  const next = `${invocation(target, "restore")} --reason "…" --yes --stop ${shellWord(names)}`;
  return refusal(message, unseen, ports, next);
}

function refusal(message: string, asked: readonly Asked[], ports: Ports, next: string): Refusal {
  const names = [...new Set(asked.map(nameForOperators))];
  const truth =
    names.length === 0
      ? "nothing was written; no emergency is on"
      : `nothing was written; in force: ${names.join(", ")} in ${ports.target.env}`;
  return { kind: "failed", code: "conflict", message, truth, next };
}

function told({ at, by, reason }: Asked, nowMs: number): string {
  const when = at === undefined ? "at an unknown time" : timeWithAge(at, nowMs);
  return `${by ?? UNKNOWN_AUTHOR}, ${when}${reason === undefined ? "" : ` ("${reason}")`}`;
}
