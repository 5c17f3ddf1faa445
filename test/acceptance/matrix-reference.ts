/**
 * What the Worker has to do in each cell of the decision matrix, written from the table of decisions
 * and not from the code. `either` stands for a draw that may fall on both sides.
 */
import type { Cell } from "./matrix-cells.ts";

export interface Expected {
  cohort: "native" | "proxy" | "either";
  reason: "emergency" | "header" | "cookie" | "sampled" | "default";
}

/** `configReadable`: whether this isolate has any configuration to go by. */
export function expectedOf(cell: Cell, configReadable = true): Expected {
  if (cell.stop === "true" || cell.stop === "corrupt" || (cell.flag && configReadable)) {
    return { cohort: "proxy", reason: "emergency" };
  }
  if (!configReadable) {
    return { cohort: "proxy", reason: "default" };
  }
  if (cell.mode === "signed" && cell.override === "valid") {
    return { cohort: "native", reason: "header" };
  }
  if (cell.mode === "open" && cell.override === "plain") {
    return { cohort: "native", reason: "header" };
  }
  if (cell.cookie === "native" || cell.cookie === "old-key") {
    return { cohort: "native", reason: "cookie" };
  }
  if (cell.cookie === "proxy") {
    return { cohort: "proxy", reason: "cookie" };
  }
  if (cell.percent === 0) {
    return { cohort: "proxy", reason: "sampled" };
  }
  if (cell.percent === 100) {
    return { cohort: "native", reason: "sampled" };
  }
  return { cohort: "either", reason: "sampled" };
}
