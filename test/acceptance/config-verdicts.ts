/** AT-7: goes through the values and says what each leads to. The same code in workerd and in Node. */
import { decide } from "../../src/domain/decision/decide.ts";
import type { CanaryConfig, Parsed } from "../../src/domain/state/documents.ts";
import { parseConfig } from "../../src/domain/state/documents.ts";
import type { EffectiveState } from "../../src/domain/state/isolate-memory.ts";
import { LAST_GOOD_MAX_MS } from "../../src/domain/state/isolate-memory.ts";
import { createStateReader } from "../../worker/state-reader.ts";
import type { Value } from "./config-corpus.ts";
import { configValues } from "./config-corpus.ts";

export interface Order {
  seed: number;
  count: number;
  parser: "real" | "lenient";
}

export interface Verdicts {
  count: number;
  valid: number;
  /** SHA-256 over all verdicts: equal digests, equal verdicts. */
  digest: string;
  threw: number;
  /** Values whose verdict is not what they were made for. */
  misjudged: string[];
  /** Values after which the reader decided by something else than them, the last good, or nothing. */
  misrouted: string[];
}

type Parser = (text: string | null) => Parsed<CanaryConfig>;

/** Broken on purpose: merges what it finds over a default, as a quick script would. */
const lenientParser: Parser = (text) => {
  const raw: unknown = JSON.parse(text ?? "{}");
  const value = Object.assign({ canary_percent: 0, canary_tag: "B2a" }, raw) as CanaryConfig;
  return { kind: "valid", value };
};

const KEPT_COMPLAINTS = 5;
/** Long enough for a new read each time; now and then long enough to lose the last good one. */
const BETWEEN_MS = 6_000;
const LONG_GAP_EVERY = 50;

export async function verdictsOf(order: Order): Promise<Verdicts> {
  const parser = order.parser === "real" ? parseConfig : lenientParser;
  const route = routing();
  const result: Verdicts = {
    count: 0,
    valid: 0,
    digest: "",
    threw: 0,
    misjudged: [],
    misrouted: [],
  };
  let lines: string[] = [];
  let digest = "";
  for (const value of configValues(order.seed, order.count)) {
    result.count += 1;
    try {
      const parsed = parser(value.text);
      if (parsed.kind === "valid") result.valid += 1;
      // But for the words: zod names Infinity in the one runtime and calls it a number in the other.
      lines.push(JSON.stringify({ ...parsed, problem: undefined }));
      const asMade = value.valid === null || value.valid === (parsed.kind === "valid");
      if (!asMade) complain(result.misjudged, value, JSON.stringify(parsed));
      const problem = await route(value, parsed, result.count);
      if (problem !== null) complain(result.misrouted, value, problem);
    } catch {
      result.threw += 1;
    }
    if (lines.length < 5_000) continue;
    digest = await sha256(digest + lines.join("\n"));
    lines = [];
  }
  return { ...result, digest: await sha256(digest + lines.join("\n")) };
}

function complain(list: string[], value: Value, problem: string): void {
  if (list.length < KEPT_COMPLAINTS) {
    list.push(`${JSON.stringify(value.text?.slice(0, 200) ?? null)}: ${problem.slice(0, 200)}`);
  }
}

/** The Worker's way: each value is read from KV by one isolate that lives through all of them. */
function routing(): (
  value: Value,
  parsed: Parsed<CanaryConfig>,
  at: number,
) => Promise<string | null> {
  let nowMs = 0;
  let text: string | null = null;
  let lastGood: { value: CanaryConfig; atMs: number } | null = null;
  const reader = createStateReader({
    kv: { get: async () => new Map([["config", text]]) },
    now: () => nowMs,
    random: () => 0,
    timer: () => () => undefined,
  });
  return async (value, parsed, at) => {
    nowMs += at % LONG_GAP_EVERY === 0 ? LAST_GOOD_MAX_MS + 1 : BETWEEN_MS;
    text = value.text;
    const state = await reader.current(() => undefined);
    if (parsed.kind === "valid") lastGood = { value: parsed.value, atMs: nowMs };
    const good = lastGood !== null && nowMs - lastGood.atMs <= LAST_GOOD_MAX_MS ? lastGood : null;
    return routingComplaint(state, good?.value ?? null);
  };
}

function routingComplaint(state: EffectiveState, good: CanaryConfig | null): string | null {
  if (JSON.stringify(state.config) !== JSON.stringify(good)) {
    return `decides by ${JSON.stringify(state.config)}, not by ${JSON.stringify(good)}`;
  }
  const { cohort, reason } = decide({ state, override: true, cookie: "native", draw: 0 });
  const wanted = state.emergency
    ? "proxy emergency"
    : good === null
      ? "proxy default"
      : "native header";
  return `${cohort} ${reason}` === wanted ? null : `${cohort} ${reason}, not ${wanted}`;
}

async function sha256(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
