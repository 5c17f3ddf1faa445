/**
 * Puts generated blocks into a document that people write in. A block stands between two HTML comments on lines
 * of their own; its first one holds a hash of what was generated. What stands outside of blocks is never touched,
 * and neither is a block in which a person has changed anything: every byte that is not ours, as it was left by
 * us, survives.
 */

export interface Block {
  /** Lower-case letters and dashes. */
  name: string;
  /** Of its section, for where it has to be appended. */
  title: string;
  lines: readonly string[];
  /** False where something that it tells of could not be asked: it then takes the place of no complete one. */
  complete: boolean;
}

/** A document as it is first written: text for people to change, and blocks. */
export interface Report {
  incident: string;
  parts: readonly (string | Block)[];
}

/**
 * `kept`: there is a complete one from an earlier run. `edited`: a person has changed it. `damaged`: one of its
 * markers is missing, changed or there twice. The last three leave it as it is.
 */
export type BlockFate = "written" | "same" | "appended" | "kept" | "edited" | "damaged";

export interface Merged {
  text: string;
  blocks: { name: string; fate: BlockFate }[];
}

/** `existing`: null when there is no document yet. */
export function mergeReport(existing: string | null, report: Report): Merged {
  const blocks = report.parts.filter((part) => typeof part !== "string");
  if (existing === null) {
    const parts = report.parts.map((part) =>
      typeof part === "string" ? part : blockText(part, report.incident, "\n"),
    );
    return { text: parts.join(""), blocks: blocks.map(({ name }) => ({ name, fate: "written" })) };
  }
  const eol = existing.includes("\r\n") ? "\r\n" : "\n";
  const mentions = mentionsIn(existing);
  const changes = blocks.map((block) => changeOf(block, { existing, mentions, eol, report }));
  return {
    text: applied(existing, changes, eol),
    blocks: changes.map(({ name, fate }) => ({ name, fate })),
  };
}

/** Whose document it is; null when no marker of it can be read. */
export function incidentIn(document: string): string | null {
  const first = mentionsIn(document).find((mention) => mention.begins !== null);
  return first?.begins?.incident ?? null;
}

interface Mention {
  name: string;
  /** Of its line, in the text; `next` is where the next line begins. */
  start: number;
  next: number;
  /** Null for what is no intact first marker. */
  begins: { incident: string; complete: boolean; hash: string } | null;
  ends: boolean;
}

/** Text from outside holds no `<`: it cannot pass for one. */
const MENTION = /<!-- *pixcanary:(?:begin|end) +([a-z-]+)/;
const BEGIN =
  /^<!-- pixcanary:begin ([a-z-]+) ([A-Za-z0-9._#-]+) (complete|partial) ([0-9a-f]{16}) -->$/;
const END = /^<!-- pixcanary:end ([a-z-]+) -->$/;

/** Each line that speaks of a marker, intact or not. */
function mentionsIn(text: string): Mention[] {
  const found: Mention[] = [];
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf("\n", start);
    const next = end === -1 ? text.length : end + 1;
    const line = text.slice(start, next).replace(/\r?\n$/, "");
    const name = MENTION.exec(line)?.[1];
    if (name !== undefined) {
      const begin = BEGIN.exec(line);
      const [, , incident = "", state = "", hash = ""] = begin ?? [];
      const begins = begin === null ? null : { incident, complete: state === "complete", hash };
      found.push({ name, start, next, begins, ends: END.test(line) });
    }
    start = next;
  }
  return found;
}

interface Given {
  existing: string;
  mentions: readonly Mention[];
  eol: string;
  report: Report;
}

interface Change {
  name: string;
  title: string;
  fate: BlockFate;
  /** Null leaves everything as it is. */
  put: { from: number; to: number; text: string } | null;
}

function changeOf(block: Block, { existing, mentions, eol, report }: Given): Change {
  const { name, title } = block;
  const text = blockText(block, report.incident, eol);
  const leave = (fate: BlockFate): Change => ({ name, title, fate, put: null });
  const own = mentions.filter((mention) => mention.name === name);
  if (own.length === 0) {
    const end = existing.length;
    return { name, title, fate: "appended", put: { from: end, to: end, text } };
  }
  const [first, last] = own;
  const begins = first?.begins ?? null;
  if (own.length !== 2 || first === undefined || last === undefined) return leave("damaged");
  // Nothing of another block may stand in between, nor one that is not closed by a line's end.
  const together = mentions.indexOf(last) === mentions.indexOf(first) + 1;
  if (begins === null || !last.ends || !together) return leave("damaged");
  if (hashOf(existing.slice(first.next, last.start)) !== begins.hash) return leave("edited");
  if (begins.complete && !block.complete) return leave("kept");
  const from = first.start;
  // The end of its last line is the person's: it may be the end of the document.
  const to = existing.slice(0, last.next).replace(/\r?\n$/, "").length;
  const put = { from, to, text: text.slice(0, -eol.length) };
  return { name, title, fate: existing.slice(from, to) === put.text ? "same" : "written", put };
}

function applied(existing: string, changes: readonly Change[], eol: string): string {
  const inPlace = changes.flatMap(({ put, fate }) =>
    put === null || fate === "appended" ? [] : [put],
  );
  let text = existing;
  // From the end: what comes before keeps its place.
  for (const { from, to, text: block } of inPlace.toSorted((a, b) => b.from - a.from)) {
    text = `${text.slice(0, from)}${block}${text.slice(to)}`;
  }
  for (const { fate, title, put } of changes) {
    if (fate !== "appended") continue;
    const gap = text === "" || text.endsWith("\n") ? "" : eol;
    text = `${text}${gap}${eol}## ${title}${eol}${eol}${put?.text ?? ""}`;
  }
  return text;
}

function blockText({ name, lines, complete }: Block, incident: string, eol: string): string {
  const body = lines.map((line) => `${line}${eol}`).join("");
  const state = complete ? "complete" : "partial";
  const begin = `<!-- pixcanary:begin ${name} ${incident} ${state} ${hashOf(body)} -->`;
  return `${begin}${eol}${body}<!-- pixcanary:end ${name} -->${eol}`;
}

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/** FNV-1a, 64 bits: a person's change by chance, not an attacker's. Line ends do not count: git changes them. */
function hashOf(body: string): string {
  let hash = FNV_OFFSET;
  const text = body.replaceAll("\r\n", "\n");
  for (let index = 0; index < text.length; index += 1) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(index))) * FNV_PRIME);
  }
  return hash.toString(16).padStart(16, "0");
}
