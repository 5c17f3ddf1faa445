/** AT-29: proxies that are broken on purpose. */
import type { Passage } from "./proxy-bytes-compare.ts";
import type { Field } from "./raw-http.ts";

export type Change = (fields: Field[]) => Field[];
export const seenBy =
  (change: Change) =>
  (passage: Passage): Passage => ({
    ...passage,
    seen: passage.seen && { ...passage.seen, fields: change(passage.seen.fields) },
  });
export const gotBy =
  (change: Change) =>
  (passage: Passage): Passage => ({
    ...passage,
    got: { ...passage.got, fields: change(passage.got.fields) },
  });
export const startBy =
  (change: (start: string) => string) =>
  (passage: Passage): Passage => ({
    ...passage,
    got: { ...passage.got, start: change(passage.got.start) },
  });
export const values =
  (change: (value: string, name: string) => string): Change =>
  (fields) =>
    fields.map(([name, value]) => [name, change(value, name)]);
export const ofCookie = (change: (value: string) => string): Change =>
  values((value, name) => (name === "Cookie" ? change(value) : value));

export const joined: Change = (fields) => {
  const byName = new Map<string, string>();
  for (const [name, value] of fields) {
    const before = byName.get(name);
    byName.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return [...byName];
};
