/** How the proxy-only version is made and found again. */

/** Of `wrangler versions upload --tag`. */
export const PROXY_ONLY_TAG = "proxy-only";
/** The var that makes a version of the Worker proxy-only. */
export const PROXY_ONLY_VAR = "PROXY_ONLY";
