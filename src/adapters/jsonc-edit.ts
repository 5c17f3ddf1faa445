/**
 * Sets one value in JSON with comments. jsonc-parser finds the place; its own `modify` would also lay out
 * anew what stands beside it.
 */
import type { Node } from "jsonc-parser";
import type { Edit } from "../domain/setup/config-edit.ts";
import { loadLibrary } from "./jsonc.ts";

type Library = Awaited<ReturnType<typeof loadLibrary>>;

/** Every byte outside the edits stays, and no comment comes to stand behind another line. */
export async function editJsonc(text: string, edits: readonly Edit[]): Promise<string> {
  const library = await loadLibrary();
  return edits.reduce((now, edit) => setIn(now, edit, library), text);
}

function setIn(text: string, { path, value }: Edit, library: Library): string {
  const root = library.parseTree(text, [], { allowTrailingComma: true });
  if (root === undefined) return `${JSON.stringify(nested(path, value), null, 2)}\n`;
  const there = library.findNodeAtLocation(root, [...path]);
  const layout = layoutOf(text);
  if (there !== undefined) {
    const written = JSON.stringify(value);
    return splice(text, there.offset, there.offset + there.length, written);
  }
  const depth = depthOf(root, path, library);
  const container = library.findNodeAtLocation(root, path.slice(0, depth));
  if (container === undefined) throw new Error(`no place for ${path.join(".")}`);
  const rest = nested(path.slice(depth + 1), value);
  return append(text, container, { name: path[depth], value: rest, layout, library });
}

/** How many names of the path lead to something that is there. */
function depthOf(root: Node, path: Edit["path"], { findNodeAtLocation }: Library): number {
  let depth = 0;
  while (findNodeAtLocation(root, path.slice(0, depth + 1)) !== undefined) depth += 1;
  return depth;
}

function nested(path: Edit["path"], value: unknown): unknown {
  return [...path].reverse().reduce((inner, name) => ({ [name]: inner }), value);
}

interface Layout {
  unit: string;
  eol: string;
}

/** As the file has it, by its first indented line. */
function layoutOf(text: string): Layout {
  const unit = /\n([ \t]+)\S/.exec(text)?.[1] ?? "  ";
  return { unit, eol: text.includes("\r\n") ? "\r\n" : "\n" };
}

interface Member {
  name: string | number | undefined;
  value: unknown;
  layout: Layout;
  library: Library;
}

function append(text: string, container: Node, member: Member): string {
  const last = container.children?.at(-1);
  if (last === undefined) return fill(text, container, member);
  const end = last.offset + last.length;
  const comma = afterComma(text, end, member.library);
  const from = comma ?? end;
  const indent = indentOf(text, last.offset);
  const added =
    indent === null
      ? ` ${written(member, null)}`
      : `${member.layout.eol}${indent}${written(member, indent)}`;
  const at = indent === null ? from : from + commentOf(text.slice(from));
  return splice(splice(text, at, at, added), end, end, comma === null ? "," : "");
}

function fill(text: string, container: Node, member: Member): string {
  const { eol, unit } = member.layout;
  const outer = /^[ \t]*/.exec(text.slice(lineStart(text, container.offset)))?.[0] ?? "";
  const start = container.offset + 1;
  const end = container.offset + container.length - 1;
  const isBlank = text.slice(start, end).trim() === "";
  const added = `${eol}${outer}${unit}${written(member, outer + unit)}`;
  return splice(text, start, isBlank ? end : start, isBlank ? `${added}${eol}${outer}` : added);
}

/** `indent`: of the line that it begins; null: all on one line. */
function written({ name, value, layout }: Member, indent: string | null): string {
  const key = typeof name === "string" ? `${JSON.stringify(name)}: ` : "";
  if (indent === null) return key + JSON.stringify(value);
  const lines = JSON.stringify(value, null, layout.unit).split("\n");
  return key + lines.join(`${layout.eol}${indent}`);
}

/** Where the comma behind a member ends; null where there is none. */
function afterComma(text: string, from: number, { createScanner }: Library): number | null {
  const scanner = createScanner(text, true);
  scanner.setPosition(from);
  scanner.scan();
  const offset = scanner.getTokenOffset();
  return text.startsWith(",", offset) ? offset + 1 : null;
}

/** The length of a comment behind a member, where nothing else is on the line. */
function commentOf(text: string): number {
  const comment = /^[ \t]*(?:\/\/[^\r\n]*|\/\*[^\r\n]*?\*\/)?(?=[ \t]*\r?\n)/;
  return comment.exec(text)?.[0].length ?? 0;
}

/** Null where something else begins the line. */
function indentOf(text: string, offset: number): string | null {
  const before = text.slice(lineStart(text, offset), offset);
  return /^[ \t]*$/.test(before) && offset > before.length ? before : null;
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}

function splice(text: string, from: number, to: number, added: string): string {
  return text.slice(0, from) + added + text.slice(to);
}
