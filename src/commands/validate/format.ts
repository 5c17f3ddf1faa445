/** What terminal and ticket say in the same words. */
import { countText } from "../../domain/text/format.ts";
import { durationText } from "../lib/format.ts";
import type { SmokeReport } from "../smoke/checks.ts";

export interface WindowData {
  /** RFC 3339. */
  from: string;
  to: string;
  buckets: number;
  bucket_seconds: number;
}

/** "2025-11-14T10:30Z to 2025-11-15T10:30Z (24 h, 1,440 × 60 s)". */
export function windowLine({ from, to, buckets, bucket_seconds: each }: WindowData): string {
  const short = (iso: string): string => iso.replace(/(:00)?(\.\d+)?Z$/, "Z");
  const length = durationText(buckets * each);
  return `${short(from)} to ${short(to)} (${length}, ${countText(buckets)} × ${each} s)`;
}

/** What the smoke checks have left behind, as far as that is known. */
export function uploadText(smoke: SmokeReport | null): string {
  const upload = smoke?.checks.find(({ name }) => name === "signed URLs");
  if (smoke === null || upload === undefined || upload.verdict === "no_data") return "none";
  const left = upload.verdict === "pass" ? "was left behind" : "may have been left behind";
  return `${smoke.file} ${left}`;
}
