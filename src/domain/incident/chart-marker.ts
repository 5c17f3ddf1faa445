/** In each chart, by which a later run knows it. The id is checked when an incident is opened. */
export function chartMarker(incident: string): string {
  return `pixcanary:chart ${incident}`;
}
