/** Shown where a document names no author, as one written with wrangler, curl or the dashboard need not. */
export const UNKNOWN_AUTHOR = "unknown (changed outside pixcanary)";
