import type { CanaryConfig } from "./documents.ts";

/**
 * Whether a person wrote it: tools always say who and which revision. A copy of a tool's document with another
 * share passes for the tool's.
 */
export function isHandMade({ revision, updated_by }: CanaryConfig): boolean {
  return updated_by === undefined || revision === undefined;
}
