/** What the bearer token of `/qa` must look like, for the Worker that checks it and the CLI that sends it. */

export const QA_TOKEN_FORM = "32 printable characters or more";

/** What a `/qa` that no token can open says in place of `unauthorized`. */
export const NO_QA_TOKEN = "no_usable_token";

/** What it says to an address that has tried too many wrong ones. */
export const WRONG_TOKENS = "too_many_wrong_tokens";

export function isQaToken(token: string): boolean {
  return /^[!-~]{32,}$/.test(token);
}
