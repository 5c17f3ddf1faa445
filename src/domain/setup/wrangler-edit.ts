/** What wrangler's file says of an environment, and what has to change in it. */
import { type Edit, type Fields, fieldAt, fieldsOf } from "./config-edit.ts";
import { BINDINGS, type Wanted } from "./wanted.ts";

export interface WranglerFacts {
  /** Where the environment's settings are: below `env`, or the file itself. */
  section: readonly string[];
  worker: string | null;
  namespaceId: string | null;
  mediaBucket: string | null;
  dataset: string | null;
}

/** The names of its environments where this one is not among them. */
export type UnknownEnvironment = { names: readonly string[] };

/** A file without environments speaks for the one that is asked for. */
export function readWrangler(file: unknown, env: string): WranglerFacts | UnknownEnvironment {
  const names = Object.keys(fieldsOf(fieldAt(file, "env")));
  if (names.length > 0 && !names.includes(env)) return { names };
  const section = names.length === 0 ? [] : ["env", env];
  const own = fieldAt(file, ...section);
  const topName = textOf(fieldAt(file, "name"));
  // What wrangler calls an environment that does not name its Worker.
  const implied = section.length === 0 || topName === null ? topName : `${topName}-${env}`;
  return {
    section,
    worker: textOf(fieldAt(own, "name")) ?? implied,
    namespaceId: textOf(bindingOf(own, KINDS.namespace)?.[1].id),
    mediaBucket: textOf(bindingOf(own, KINDS.media)?.[1].bucket_name),
    dataset: textOf(bindingOf(own, KINDS.metrics)?.[1].dataset),
  };
}

const KINDS = {
  namespace: { list: "kv_namespaces", binding: BINDINGS.namespace },
  media: { list: "r2_buckets", binding: BINDINGS.media },
  metrics: { list: "analytics_engine_datasets", binding: BINDINGS.metrics },
} as const;

type Kind = (typeof KINDS)[keyof typeof KINDS];

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function bindingOf(own: unknown, { list, binding }: Kind): [index: number, entry: Fields] | null {
  const all = fieldAt(own, list);
  const entries = Array.isArray(all) ? all.map(fieldsOf) : [];
  const index = entries.findIndex((entry) => entry.binding === binding);
  const entry = entries[index];
  return entry === undefined ? null : [index, entry];
}

export function wranglerEdits(
  file: unknown,
  { section }: Pick<WranglerFacts, "section">,
  wanted: Wanted,
  namespaceId: string,
): Edit[] {
  const own = fieldAt(file, ...section);
  const bound = (kind: Kind, field: string, value: string): Edit[] => {
    const found = bindingOf(own, kind);
    const list = [...section, kind.list];
    if (found !== null) {
      const [index, entry] = found;
      return entry[field] === value ? [] : [{ path: [...list, index, field], value }];
    }
    const all = fieldAt(own, kind.list);
    const added = { binding: kind.binding, [field]: value };
    return Array.isArray(all)
      ? [{ path: [...list, all.length], value: added }]
      : [{ path: list, value: [added] }];
  };
  const set = (path: readonly string[], value: unknown): Edit[] =>
    fieldAt(own, ...path) === value ? [] : [{ path: [...section, ...path], value }];
  return [
    // Without it the Worker's events reach no Logpush job.
    ...set(["logpush"], true),
    ...set(["vars", "CLOUDFLARE_ACCOUNT_ID"], wanted.accountId),
    ...set(["vars", "ANALYTICS_DATASET"], wanted.dataset),
    ...bound(KINDS.namespace, "id", namespaceId),
    ...bound(KINDS.media, "bucket_name", wanted.mediaBucket),
    ...bound(KINDS.metrics, "dataset", wanted.dataset),
  ];
}

/** The same where there is no file, to be pasted: TOML, of this environment. */
export function tomlLines(wanted: Wanted, namespaceId: string): string[] {
  const at = (name: string): string => `env.${wanted.env}.${name}`;
  return [
    `[${at("vars")}]`,
    `CLOUDFLARE_ACCOUNT_ID = "${wanted.accountId}"`,
    `ANALYTICS_DATASET = "${wanted.dataset}"`,
    `[[${at(KINDS.namespace.list)}]]`,
    `binding = "${BINDINGS.namespace}"`,
    `id = "${namespaceId}"`,
    `[[${at(KINDS.media.list)}]]`,
    `binding = "${BINDINGS.media}"`,
    `bucket_name = "${wanted.mediaBucket}"`,
    `[[${at(KINDS.metrics.list)}]]`,
    `binding = "${BINDINGS.metrics}"`,
    `dataset = "${wanted.dataset}"`,
    `# under [env.${wanted.env}]: logpush = true`,
  ];
}
