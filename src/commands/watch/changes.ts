/** What `watch` tells without a terminal: a fact when it is new, and again when it has changed. */

import type { Target } from "../../domain/config/environment.ts";
import type { Finding } from "../../domain/policy/finding.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import type { FleetLocation } from "../../domain/proof/fleet.ts";
import { isBehind } from "../../domain/proof/fleet.ts";
import { stateShown } from "../../domain/proof/traffic.ts";
import { beforeStop } from "../../domain/situation/figures.ts";
import { capText, originText } from "../../domain/situation/since.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import { isEmergency } from "../../domain/state/state.ts";
import { counted } from "../../domain/text/format.ts";
import { labelOf, sentence } from "../lib/findings-text.ts";
import { VERDICT_MARKS } from "../lib/format.ts";
import { entryLine } from "../lib/journal-line.ts";
import { nextText } from "../lib/situation.ts";
import { achievedText, changedText, configuredText } from "../lib/summary-text.ts";
import type { Look, Part, WatchModel } from "./model.ts";
import { partsOf } from "./model.ts";
import { LOST, situationNow } from "./situation.ts";

type FactKind = "state" | "live" | "health" | "finding" | "share" | "location" | "journal" | "data";

export interface Fact {
  kind: FactKind;
  /** What it is about; the same fact is told again only with another `state`. */
  about: string;
  state: string;
  mark: "✔" | "✖" | "!" | "?" | " ";
  /** For people; not yet escaped. */
  text: string;
  /** Not worth a line unless something else was told of it before. */
  quiet: boolean;
}

/** `told`: the state last told by `kind about`. Returns what is to be told now, and remembers it. */
export function newFacts(told: Map<string, string>, facts: readonly Fact[]): Fact[] {
  return facts.filter(({ kind, about, state, quiet }) => {
    const key = `${kind} ${about}`;
    const before = told.get(key);
    if (before === state || (before === undefined && quiet)) return false;
    told.set(key, state);
    return true;
  });
}

export function factsOf(model: WatchModel, target: Target, nowMs: number): Fact[] {
  return [
    ...stateFacts(model, nowMs),
    ...model.looks.flatMap(lookFacts),
    ...healthFacts(model, target, nowMs),
    ...shareFacts(model),
    ...(model.locations.value ?? []).map(locationFact),
    ...journalFacts(model, nowMs),
    ...dataFacts(model),
  ];
}

function stateFacts({ state }: WatchModel, nowMs: number): Fact[] {
  if (state.value === null) return [];
  const stored = storedOf(state.value);
  const emergency = stored.emergency ? `EMERGENCY${originText(state.value, nowMs)}` : null;
  const { config, stop } = stored;
  const cap = capText(state.value, nowMs);
  const version = [stored.emergency, stop?.id, stop?.at, config?.revision, config?.last_updated];
  const changed = config === null ? "" : `; ${changedText(config, nowMs)}`;
  return [
    {
      kind: "state",
      about: "",
      state: JSON.stringify([...version, config?.canary_percent, state.value.capped?.cap.id]),
      mark: emergency === null && cap === null ? " " : "!",
      text: emergency ?? `${cap === null ? "" : `${cap}; `}${configuredText(config)}${changed}`,
      quiet: false,
    },
  ];
}

export function storedOf({ config, stop }: ParsedState) {
  return {
    emergency: isEmergency({ config, stop }),
    config: config.kind === "valid" ? config.value : null,
    stop: stop.kind === "valid" ? stop.value : null,
  };
}

function lookFacts({ url, part }: Look): Fact[] {
  const { value, failure } = part;
  const refused = value !== null && value.problem !== null;
  const lost = !refused && (failure?.times ?? 0) >= LOST;
  if (value === null && !lost) return [];
  const shown = value === null ? "unknown" : stateShown(value);
  const why = lost ? `; no answer since: ${failure?.why}` : refused ? ` (${value.problem})` : "";
  return [
    {
      kind: "live",
      about: url,
      state: JSON.stringify([shown, lost]),
      mark: lost ? "!" : " ",
      text: `${placeOf(value ?? { colo: null, url })} ${shown}${why}`,
      quiet: false,
    },
  ];
}

function healthFacts(model: WatchModel, target: Target, nowMs: number): Fact[] {
  const { state, health } = model;
  // Before the first answers there is nothing to tell.
  if ([state, health].some(({ value, failure }) => value === null && failure === null)) return [];
  const { problems = [], findings = [] } = health.value?.assessment ?? {};
  const { mark, headline, concerns, next } = situationNow(model, target, nowMs);
  // Told as a change of the state, and of what each location shows.
  const first = concerns.find(({ kind }) => kind !== "emergency");
  if (first === undefined && concerns.length > 0) return findings.map(factOf);
  const rules = problems.map(({ rule }) => rule);
  const summary: Fact = {
    kind: "health",
    about: "",
    state: JSON.stringify([first?.kind, rules, next.kind === "command" && next.words]),
    mark: first?.mark ?? mark,
    text: first === undefined ? headline : `${first.text} → ${nextText(next, target)}`,
    quiet: false,
  };
  return [summary, ...findings.map(factOf)];

  function factOf(finding: Finding): Fact {
    return findingFact(finding, beforeStop(finding, state.value));
  }
}

/** In words only once it has failed: the summary tells the rest. */
function findingFact(finding: Finding, when: string): Fact {
  const { rule, verdict, because } = finding;
  const why = because === null ? "" : ` (caused by: ${labelOf(because)})`;
  return {
    kind: "finding",
    about: rule,
    state: verdict === "fail" ? "fail" : verdict === "pass" ? "pass" : "open",
    mark: VERDICT_MARKS[verdict],
    text: `${verdict}: ${when}${sentence(finding)}${why}`,
    quiet: verdict !== "fail",
  };
}

function shareFacts({ share }: WatchModel): Fact[] {
  if (share.value === null) return [];
  const { verdict } = share.value;
  return [
    {
      kind: "share",
      about: "",
      state: verdict,
      mark: VERDICT_MARKS[verdict],
      text: `achieved ${achievedText(share.value)}`,
      quiet: verdict === "inconclusive" || verdict === "no_data",
    },
  ];
}

function locationFact(location: FleetLocation): Fact {
  const behind = isBehind(location);
  return {
    kind: "location",
    about: location.colo,
    state: behind ? "behind" : "current",
    mark: behind ? "!" : "✔",
    text: `${location.colo} ${locationText(location)}`,
    quiet: !behind,
  };
}

export function locationText(location: FleetLocation): string {
  if (!isBehind(location)) return location.state;
  const { old_requests: requests, old_revision: revision, state } = location;
  const by = revision === null || revision === "" ? "an older config" : `revision ${revision}`;
  return `${state}: ${counted(requests, "request")} decided by ${by}`;
}

function journalFacts({ journal }: WatchModel, nowMs: number): Fact[] {
  return (journal.value ?? []).map((entry) => ({
    kind: "journal",
    about: entry.id,
    state: "told",
    mark: " ",
    text: entryLine(entry, nowMs),
    quiet: false,
  }));
}

function dataFacts(model: WatchModel): Fact[] {
  return partsOf(model).map(([name, part]) => dataFact(name, part));
}

function dataFact(name: string, { failure }: Part<unknown>): Fact {
  return {
    kind: "data",
    about: name,
    state: failure === null ? "seen" : "missing",
    mark: failure === null ? "✔" : "!",
    text: failure === null ? `${name} available again` : `${name} unavailable: ${failure.why}`,
    quiet: failure === null,
  };
}
