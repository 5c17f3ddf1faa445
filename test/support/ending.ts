/** What `restore` would write to end what `/qa` shows to be in force. */
import type { QaDocument } from "../../src/domain/proof/qa-document.ts";

type Shown = NonNullable<QaDocument["emergencies"]>;

let endings = 0;

/** Undefined for a key in which nothing asks for an emergency. `stopIds`: of stops that need not show. */
export function endingOf(
  shown: Shown,
  stopIds: readonly string[] = [],
): {
  config: Record<string, unknown> | undefined;
  stop: Record<string, unknown> | undefined;
} {
  endings += 1;
  const id = `ENDING${endings}`;
  const named = (key: Shown[number]["key"]) =>
    shown
      .filter((one) => one.key === key)
      .map(({ mark, id }) => ({ mark, ...(id === null ? {} : { id }) }));
  const stops = [...named("stop"), ...stopIds.map((id) => ({ id }))];
  const lifts = named("config");
  const at = new Date().toISOString();
  return {
    stop: stops.length === 0 ? undefined : { active: false, id, at, releases: { at, stops } },
    config:
      lifts.length === 0
        ? undefined
        : { canary_percent: 0, emergency_proxy: false, last_updated: at, revision: id, lifts },
  };
}
