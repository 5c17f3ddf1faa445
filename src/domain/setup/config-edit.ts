/** What has to change in pixcanary.json: values only, so that its comments and order stay. */
import type { Wanted } from "./wanted.ts";

/** Of a JSON document. A number past the end of a list appends to it. */
export interface Edit {
  path: readonly (string | number)[];
  value: unknown;
}

export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** Own properties only, of whatever the file holds. */
export function fieldAt(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    const fields = fieldsOf(at);
    at = Object.hasOwn(fields, name) ? fields[name] : undefined;
  }
  return at;
}

/** `file` is what pixcanary.json holds; an environment that is not there yet is added whole. */
export function environmentEdits(file: unknown, wanted: Wanted, namespaceId: string): Edit[] {
  const path = ["environments", wanted.env];
  const fields = environmentFields(wanted, namespaceId);
  const present = fieldAt(file, ...path);
  if (present === undefined) return [{ path, value: fields }];
  return Object.entries(fields).flatMap(([name, value]) =>
    name === "notify"
      ? notifyEdits([...path, name], fieldAt(present, name), fieldsOf(value))
      : edit([...path, name], fieldAt(present, name), value),
  );
}

function notifyEdits(path: readonly string[], present: unknown, channels: Fields): Edit[] {
  if (present === undefined) return [{ path, value: channels }];
  // How a channel is configured already is the operator's choice.
  return Object.entries(channels).flatMap(([name, value]) =>
    fieldAt(present, name) === undefined ? [{ path: [...path, name], value }] : [],
  );
}

function edit(path: readonly string[], present: unknown, value: unknown): Edit[] {
  return JSON.stringify(present) === JSON.stringify(value) ? [] : [{ path, value }];
}

function environmentFields(wanted: Wanted, namespaceId: string): Fields {
  const { pagerduty, slack } = wanted.notify;
  const notify = { ...(pagerduty && { pagerduty }), ...(slack && { slack }) };
  return {
    accountId: wanted.accountId,
    namespaceId,
    worker: wanted.worker,
    qaUrls: [...wanted.qaUrls],
    ...(wanted.apiBaseUrl === undefined ? {} : { apiBaseUrl: wanted.apiBaseUrl }),
    canaryTag: wanted.canaryTag,
    dataset: wanted.dataset,
    mediaBucket: wanted.mediaBucket,
    logsBucket: wanted.logsBucket,
    logsPrefix: wanted.logsPrefix,
    qaTokenFile: wanted.qaTokenFile,
    ...(Object.keys(notify).length === 0 ? {} : { notify }),
  };
}
