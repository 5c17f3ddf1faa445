/** What `incident close` has done, for a person. */
import type { BlockFate, Merged } from "../../domain/incident/merge.ts";

export interface CloseData {
  incident: string;
  closed_at: string;
  /** "14:30:00 - 14:45:12 UTC (16 min)". */
  duration: string;
  file: string;
  existed: boolean;
  changed: boolean;
  /** So many are left for people. */
  blanks: number;
  blocks: Merged["blocks"];
  /** What could not be asked, and why. */
  unknown: string[];
}

const FATES: Readonly<Record<BlockFate, string | null>> = {
  written: null,
  same: null,
  appended: "its markers are gone: added at the end of the report",
  kept: "left as an earlier run wrote it, which knew more",
  edited: "left as it is: it was edited by hand. Remove the block to have it written again",
  damaged:
    "left as it is: one of its markers is missing or there twice. Remove them to have it added",
};

export function closeText(data: CloseData): string {
  const { duration, file, blanks, blocks, unknown } = data;
  const left = blocks.flatMap(({ name, fate }) => {
    const what = FATES[fate];
    return what === null ? [] : [`! ${name.padEnd(9)} ${what}`];
  });
  return [
    `  duration  ${duration}`,
    `  report    ${file}`,
    ...(blanks === 0
      ? []
      : [`  blanks    ${blanks} for people to fill in: search for "[fill in:"`]),
    ...left,
    ...unknown.map((line) => `? not known: ${line}`),
  ].join("\n");
}
