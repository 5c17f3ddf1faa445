/** JSON with comments and a comma after the last entry, as wrangler.jsonc has them; broken text as far as it goes. */
import type { Node, ParseError } from "jsonc-parser";
import { findJsonMistake, type JsonMistake, placeOf } from "./json-position.ts";

export interface ReadJsonc {
  /** Of a text with a mistake: what can be read all the same, without anything that is there twice. */
  value: unknown;
  mistake: JsonMistake | null;
}

/** Never rejects. */
export async function readJsonc(text: string): Promise<ReadJsonc> {
  try {
    return { value: JSON.parse(text), mistake: null };
  } catch {
    // Plain JSON needs no library.
  }
  const { getNodeValue, parseTree, stripComments } = await loadLibrary();
  const errors: ParseError[] = [];
  try {
    const tree = parseTree(text, errors, { allowTrailingComma: true });
    const [first] = errors;
    if (first === undefined && tree !== undefined)
      return { value: getNodeValue(tree), mistake: null };
    // Of the same length, so that the position is the text's.
    const plain = stripComments(text, " ").replace(/(?<=[^\s{[,:]\s*),(?=\s*[}\]])/g, " ");
    const mistake =
      findJsonMistake(plain) ?? placeOf(text, first?.offset ?? 0, "unexpected text or comment");
    return { value: tree === undefined ? undefined : certainValue(tree), mistake };
  } catch {
    // Nested deeper than any parser's stack.
    return { value: undefined, mistake: placeOf(text, 0, "nested too deeply") };
  }
}

/** From its default where Node loads the package's CommonJS. */
export async function loadLibrary() {
  const library = await import("jsonc-parser");
  return "parseTree" in library ? library : (library as { default: typeof library }).default;
}

/**
 * Where text is lost, two blocks may have become one: of a name that is there twice, nobody can say
 * which value is meant.
 */
function certainValue(node: Node): unknown {
  const children = node.children ?? [];
  if (node.type === "array") return children.map(certainValue);
  if (node.type !== "object") return node.value;
  const members = children.flatMap(({ children: [key, value] = [] }) =>
    key === undefined ? [] : [{ name: String(key.value), value }],
  );
  const times = new Map<string, number>();
  for (const { name } of members) times.set(name, (times.get(name) ?? 0) + 1);
  return Object.fromEntries(
    members.flatMap(({ name, value }) =>
      value === undefined || times.get(name) !== 1 ? [] : [[name, certainValue(value)]],
    ),
  );
}
