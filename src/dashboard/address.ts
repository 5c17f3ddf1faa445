/** What the address keeps, so that it can be sent to a colleague: the range, and the panel that is meant. */

export function rangeInAddress(): string | null {
  return new URLSearchParams(location.search).get("range");
}

/** The address with another range. */
export function addressOf(range: string): string {
  return `?${new URLSearchParams({ range })}${location.hash}`;
}

/** Beside this page: the Worker serves it below `/qa` and `/api/qa`. */
export function dataAddress(): string {
  return `dashboard/data${location.search}`;
}
