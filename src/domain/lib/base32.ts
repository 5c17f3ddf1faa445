/** Crockford's base 32, as ULIDs have it (https://github.com/ulid/spec): most significant first. */

export const BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** The last `length` digits of a whole number that is not negative; a ULID's time: 10 digits of milliseconds. */
export function base32(value: number, length: number): string {
  let rest = value;
  let text = "";
  for (let i = 0; i < length; i += 1) {
    text = (BASE32[rest % 32] ?? "0") + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}
