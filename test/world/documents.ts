/** What a stored text says, as far as the truth has to know it; plain JSON, as only programs write in this world. */
import { CONFIG_KEY, STOP_KEY } from "../../src/domain/state/documents.ts";

export interface Facts {
  /** The id of a stop, the revision of a config. */
  id: string;
  asks: boolean;
  /** Of a config; 0 while it asks for an emergency. */
  percent: number;
  /** Ids that it ends by name; of what asks for an emergency, none. */
  names: readonly string[];
  by: string;
}

interface Named {
  id?: string;
}

/** Null for what is neither a stop nor a config. */
export function factsOf(key: string, text: string): Facts | null {
  if (key !== STOP_KEY && key !== CONFIG_KEY) return null;
  const json = JSON.parse(text);
  const asks = key === STOP_KEY ? json.active === true : json.emergency_proxy === true;
  const named: readonly Named[] = (key === STOP_KEY ? json.releases?.stops : json.lifts) ?? [];
  const names = asks ? [] : named.flatMap(({ id }) => (id === undefined ? [] : [id]));
  const percent = asks ? 0 : (json.canary_percent ?? 0);
  const by = json.by ?? json.updated_by ?? "";
  return { id: json.id ?? json.revision ?? "", asks, percent, names, by };
}
