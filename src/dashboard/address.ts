/** What the address keeps, so that it can be sent to a colleague: the range, and the panel that is meant. */

export function rangeInAddress(): string | null {
  return new URLSearchParams(location.search).get("range");
}

/** The address with another range. */
export function addressOf(range: string): string {
  return `?${new URLSearchParams({ range })}${location.hash}`;
}

/** Above this page, where it is the Worker's. */
export function qaAddress(): string {
  return location.pathname.slice(0, location.pathname.lastIndexOf("/"));
}

/** Beside this page: the Worker serves it below `/qa` and `/api/qa`. */
export function dataAddress(): string {
  return `dashboard/data${location.search}`;
}
