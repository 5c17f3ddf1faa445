/**
 * One verdict from all that is known, worst first, one headline and one next command: for `status`, `watch`, `assess`
 * and the guardian's notifications alike. Good news only where everything was read and nothing is worse.
 */
import { isEmergency } from "../state/state.ts";
import { beaconConcerns } from "./beacon.ts";
import { emergencyConcerns } from "./emergency.ts";
import { figuresConcerns, passText } from "./figures.ts";
import type { Concern, Known, LookedAt, Next, Situation } from "./known.ts";
import { CONCERNS } from "./known.ts";
import { command, mayRestore, notify, relief, restoring } from "./next.ts";
import { capText } from "./since.ts";
import { gathered, unreadConcerns } from "./unread.ts";
import { unsettledConcerns } from "./unsettled.ts";

export function situationOf(known: Known): Situation {
  return comeTo(concernsOf(known), known);
}

/** `concerns`: worst first. */
export function comeTo(concerns: readonly Concern[], known: Known): Situation {
  const [first] = concerns;
  if (first === undefined) {
    const findings = typeof known.figures === "string" ? [] : known.figures.assessment.findings;
    const headline = `healthy: ${passText(findings)}`;
    return { level: "normal", mark: "✔", headline, concerns: [], next: command("watch") };
  }
  const level =
    first.kind === "emergency" ? "stopped" : first.kind === "unread" ? "unknown" : "wrong";
  return { level, mark: first.mark, headline: first.text, concerns, next: nextOf(concerns) };
}

function nextOf(concerns: readonly Concern[]): Next {
  return concerns.find(({ next }) => next !== null)?.next ?? command("watch");
}

/** Worst first; none when all is well, and known to be. */
export function concernsOf(known: Known): Concern[] {
  const all = [
    ...emergencyConcerns(known),
    ...figuresConcerns(known),
    ...nativePing(known),
    ...proxyPing(known),
    ...capConcerns(known),
    ...oddConcerns(known),
    ...beaconConcerns(known),
    ...unsettledConcerns(known),
    ...unreadConcerns(known),
  ];
  const rank = ({ kind }: Concern): number => CONCERNS.indexOf(kind);
  return gathered(
    all.toSorted((a, b) => rank(a) - rank(b)),
    known.because,
  );
}

/** "FRA: database: no answer in time; AMS": a reason that several share is said once. */
function failingText(name: string, failing: readonly LookedAt[], looks: Known["looks"]): string {
  const said = new Set<string>();
  const places = failing.map((look) => {
    const ping = name === "native" ? look.native : look.proxy;
    const why = ping.kind === "fails" && !said.has(ping.problem) ? ping.problem : "";
    said.add(why);
    return why === "" ? look.place : `${look.place} (${why})`;
  });
  return `${name}'s ping fails at ${failing.length} of ${looks.length} /qa: ${places.join(", ")}`;
}

function nativePing(known: Known): Concern[] {
  const { state, looks } = known;
  const failing = looks.filter(({ native }) => native.kind === "fails");
  if (failing.length === 0) return [];
  const text = failingText("native", failing, looks);
  const stopped = state !== null && isEmergency(state);
  if (stopped) return [{ kind: "failing", mark: "✖", text, next: null }];
  if (looks.some(({ native }) => native.kind === "answers")) {
    return [{ kind: "failing", mark: "✖", text, next: command("watch") }];
  }
  return [{ kind: "critical", mark: "✖", text, next: stopUnlessIdle(text, known) }];
}

/** At 0 % somebody may be at work on native's database: no visitor is new there, and those who are left are few. */
function stopUnlessIdle(reason: string, known: Known): Next {
  const percent =
    known.state?.config.kind === "valid" ? known.state.config.value.canary_percent : null;
  return relief(percent === 0 ? "disable" : "not-aus", reason, known);
}

function proxyPing(known: Known): Concern[] {
  const failing = known.looks.filter(({ proxy }) => proxy.kind === "fails");
  if (failing.length === 0) return [];
  const text = failingText("proxy", failing, known.looks);
  return [{ kind: "proxy", mark: "✖", text, next: notify(text, known) }];
}

/** Without a config, Worker isolates go by the last good one, and then to proxy. */
function oddConcerns({ state, odd }: Known): Concern[] {
  const config = state?.config ?? null;
  const missing =
    config?.kind === "absent"
      ? ["config does not exist"]
      : config?.kind === "invalid"
        ? [`config ${config.problem}`]
        : [];
  const texts = [...new Set([...missing, ...odd])];
  return texts.map((text) => ({ kind: "odd", mark: "!", text, next: command("doctor") }));
}

function capConcerns(known: Known): Concern[] {
  const text = known.state === null ? null : capText(known.state, known.nowMs);
  if (text === null) return [];
  const next = mayRestore(known)
    ? restoring("lifts the cap, when the cause is fixed")
    : command("watch");
  return [{ kind: "cap", mark: "!", text, next }];
}
