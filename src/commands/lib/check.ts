/** One thing that doctor looks at. */
export interface Check {
  name: string;
  result: "pass" | "warn" | "fail";
  detail: string;
  /** What to do; null when it passed. */
  fix: string | null;
}
