/** A point written without a location has an empty name. */
export function coloName(colo: string): string {
  return colo === "" ? "(unnamed)" : colo;
}
