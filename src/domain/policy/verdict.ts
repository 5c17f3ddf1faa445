/** What can be said after looking. */
export type Verdict = "pass" | "fail" | "inconclusive" | "no_data";
