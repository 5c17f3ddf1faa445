/**
 * Whether a header can be written again as it came: the runtime reads bytes that are not UTF-8 as
 * U+FFFD, and writes UTF-8 alone.
 */
export function isWritable(text: string): boolean {
  return !text.includes("\uFFFD");
}
