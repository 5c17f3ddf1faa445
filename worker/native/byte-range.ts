/** The `Range` header of a download (RFC 9110 §14). */
export interface ByteRange {
  offset: number;
  length: number;
}

const SINGLE = /^bytes=(\d{0,15})-(\d{0,15})$/;

/** Null means the whole: no range, several, or one that makes no sense, which a server may ignore. */
export function parseRange(
  header: string | null,
  size: number,
): ByteRange | "unsatisfiable" | null {
  const match = SINGLE.exec(header?.replaceAll(" ", "") ?? "");
  if (match === null) return null;
  const [, first = "", last = ""] = match;
  if (first === "") {
    if (last === "") return null;
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { offset: size - length, length };
  }
  const offset = Number(first);
  if (last !== "" && Number(last) < offset) return null;
  if (offset >= size) return "unsatisfiable";
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  return { offset, length: end - offset + 1 };
}
