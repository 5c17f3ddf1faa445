/** The Logpush job: which fields it delivers, of which Worker, and where to. The address holds secrets. */

export const DATASET = "workers_trace_events";

/** What `logs errors` reads of an event (src/domain/logs/event.ts), and what tells one Worker from another. */
export const FIELD_NAMES = [
  "Event",
  "EventTimestampMs",
  "EventType",
  "Exceptions",
  "Logs",
  "Outcome",
  "ScriptName",
  "ScriptVersion",
] as const;

export const OUTPUT_OPTIONS = {
  output_type: "ndjson",
  timestamp_format: "rfc3339",
  field_names: FIELD_NAMES,
} as const;

export interface LogPlace {
  bucket: string;
  /** With a slash at its end. */
  prefix: string;
}

export interface R2Key {
  id: string;
  secret: string;
}

/** A folder per day, as `logs pull` looks for it. */
export function destinationConf(place: LogPlace, accountId: string, key: R2Key): string {
  const secrets = new URLSearchParams({
    "account-id": accountId,
    "access-key-id": key.id,
    "secret-access-key": key.secret,
  });
  return `r2://${place.bucket}/${place.prefix}{DATE}?${secrets}`;
}

/** Where it delivers, without its secrets; null for what is no folder per day in R2. */
export function placeOfDestination(conf: string): LogPlace | null {
  const match = /^r2:\/\/([a-z0-9-]+)\/([^?]*)\{DATE\}\/?(?:\?|$)/.exec(conf);
  return match === null ? null : { bucket: match[1] ?? "", prefix: match[2] ?? "" };
}

/** Events of other Workers would be counted as this one's. */
export function jobFilter(worker: string): string {
  return JSON.stringify({ where: { key: "ScriptName", operator: "eq", value: worker } });
}

export interface LogJob {
  id: number;
  name: string | null;
  dataset: string;
  enabled: boolean;
  /** Null for another kind of destination. */
  place: LogPlace | null;
  filter: string | null;
  fields: readonly string[];
}

/** The job that delivers to this place, else one of this name. */
export function findJob(
  jobs: readonly LogJob[],
  { name, place, worker }: { name: string; place: LogPlace; worker: string },
): LogJob | null {
  const events = jobs.filter(({ dataset }) => dataset === DATASET);
  const here = events.find((job) => deliversTo(job, place) && isOf(job, worker));
  return here ?? events.find((job) => job.name === name) ?? null;
}

export function deliversTo({ place }: Pick<LogJob, "place">, wanted: LogPlace): boolean {
  return place?.bucket === wanted.bucket && place.prefix === wanted.prefix;
}

function isOf({ filter }: LogJob, worker: string): boolean {
  return filter === null || filter === "" || filter.includes(JSON.stringify(worker));
}

/** What keeps its files from being of use to `logs errors`, in words; empty when nothing does. */
export function jobProblems({ enabled, fields }: Pick<LogJob, "enabled" | "fields">): string[] {
  const missing = FIELD_NAMES.filter((name) => !fields.includes(name));
  return [
    ...(enabled ? [] : ["is off"]),
    ...(missing.length === 0 ? [] : [`lacks ${missing.join(", ")}`]),
  ];
}
