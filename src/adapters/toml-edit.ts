/** Sets values in TOML; @decimalturn/toml-patch keeps comments, order and layout of what stands there. */
import { isDeepStrictEqual } from "node:util";
import type { Edit } from "../domain/setup/config-edit.ts";
import { LocalError } from "../ports/errors.ts";

const library = () => import("@decimalturn/toml-patch");

/** Throws with a line and a column where it is no TOML. */
export async function readToml(text: string): Promise<unknown> {
  return (await library()).parse(text);
}

/** Throws LocalError rather than return a text that says anything else than what was there, edited. */
export async function editToml(text: string, edits: readonly Edit[]): Promise<string> {
  const { parse, patch, stringify } = await library();
  const wanted: unknown = parse(text);
  let after = text;
  for (const { path, value } of edits) {
    const [name = ""] = path;
    // A new list of the file itself goes to its end: there the library loses its place.
    const isNewList = path.length === 1 && Array.isArray(value) && !(name in Object(wanted));
    setIn(wanted, path, value);
    after = isNewList
      ? `${after.trimEnd()}\n\n${stringify({ [name]: value }).trim()}\n`
      : edited(() => patch(after, wanted));
    const isRight = isDeepStrictEqual(plain(edited(() => parse(after))), plain(wanted));
    if (!isRight) throw cannotEdit("it would say something else");
  }
  return after;
}

function edited<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw cannotEdit(error instanceof Error ? error.message : String(error));
  }
}

function cannotEdit(why: string): LocalError {
  return new LocalError(
    `this TOML cannot be edited (${why}): take JSON (wrangler.jsonc), or edit it by hand`,
  );
}

/** What is compared is what it says, not of which classes it is. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function setIn(root: unknown, path: Edit["path"], value: unknown): void {
  let at = root as Record<string | number, unknown>;
  for (const name of path.slice(0, -1)) {
    at[name] ??= {};
    at = at[name] as Record<string | number, unknown>;
  }
  at[path.at(-1) ?? ""] = value;
}
