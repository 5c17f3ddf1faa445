/** What was asked and not answered: no good news, and one reason is said once. */
import type { Concern, Known } from "./known.ts";
import { command } from "./next.ts";
import { placesOf } from "./places.ts";

export function unreadConcerns(known: Known): Concern[] {
  const { state, looks, unread, because } = known;
  const next = command("doctor");
  const concern = (text: string): Concern => ({ kind: "unread", mark: "?", text, next });
  const silent = looks.filter(({ emergency, current }) => emergency === null || current === null);
  // Without its route, the Worker has nobody to tell.
  const bypassed = known.rungs?.some(({ via }) => via === "route") === true;
  const unpinged = looks.filter(
    ({ native, proxy }) => !bypassed && (native.kind === "unknown" || proxy.kind === "unknown"),
  );
  const isSaid = because !== undefined || unread.some((what) => what.startsWith("state: "));
  return [
    ...(state === null && !isSaid ? [concern("the stored state is not known")] : []),
    ...unread.map((what) => ({ ...concern(`not known: ${what}`), blind: blindOf(what) })),
    ...(state === null || silent.length === 0
      ? []
      : [concern(`not known whether the stored state is live at ${placesOf(silent)}`)]),
    ...(unpinged.length === 0 ? [] : [concern(`pings not known at ${placesOf(unpinged)}`)]),
  ];
}

/** "ramp: read ramp: connection refused" is the ramp, and the last of it the reason. */
export function blindOf(
  text: string,
  what = text.split(": ", 1)[0] ?? text,
): NonNullable<Concern["blind"]> {
  return { what, why: reasonIn(text) };
}

/** What a message of the API ends with, after what was asked. */
export function reasonIn(message: string): string {
  return message.slice(message.lastIndexOf(": ") + 1).trim();
}

/** What has one reason is one concern, at the place of the first. `said`: a reason that stands above all of it. */
export function gathered(concerns: readonly Concern[], said?: string): Concern[] {
  const groups = Map.groupBy(concerns, ({ blind }) => blind?.why);
  return concerns.flatMap((concern) => {
    const { blind } = concern;
    const group = blind === undefined ? [concern] : (groups.get(blind.why) ?? [concern]);
    if (group[0] !== concern) return blind === undefined ? [concern] : [];
    const isSaid = blind?.why === said;
    if (blind === undefined || (group.length === 1 && !isSaid)) return [concern];
    const names = group.flatMap((one) => one.blind?.what ?? []).join(", ");
    const text = isSaid ? `not known either: ${names}` : `not known: ${names} (${blind.why})`;
    return [{ ...concern, text }];
  });
}
