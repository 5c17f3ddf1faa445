/**
 * Finds the batches of a window in whatever folders Logpush was told to put them, and lists as little as possible: folders
 * of another time are passed over, and within a folder of batches only those of the time are listed.
 */
import {
  batchRange,
  beginningsOf,
  isLogName,
  type LogWindow,
  mayHold,
  stamp,
} from "../../domain/logs/batch-name.ts";
import {
  type FolderTime,
  folderTime,
  overlaps,
  pathTime,
  spelledFolders,
} from "../../domain/logs/folder-time.ts";
import type { LogObject } from "../../ports/logs.ts";
import { ApiFailure } from "../cloudflare-call.ts";

export interface BucketPage {
  objects: LogObject[];
  /** With the slash at their end. */
  folders: string[];
  /** More pages come. */
  more: boolean;
}

export interface Listing {
  prefix: string;
  startAfter: string;
  /** Keys below a further slash are told as one folder. */
  byFolder: boolean;
}

export type ListPages = (listing: Listing) => AsyncIterable<BucketPage>;

/** Pages of a listing without anything that is wanted: more is a search of the whole bucket. */
const MAX_PAGES_IN_VAIN = 200;

interface Place {
  /** Everything that begins with it is listed. */
  prefix: string;
  /** Where the names of its folders begin. */
  base: string;
  time: FolderTime | null;
}

/** Throws ApiFailure `rejected` where it would have to look through a whole bucket. */
export function findBatches(
  pages: ListPages,
  prefix: string,
  window: LogWindow,
): AsyncGenerator<LogObject> {
  return new Search(pages, prefix, window).run();
}

class Search {
  readonly #pages: ListPages;
  readonly #root: Place;
  readonly #window: LogWindow;
  readonly #begun: LogWindow;
  #places: Place[];
  /** Folders without a time in their name: looked into when nothing is found in the others. */
  #others: Place[] = [];
  readonly #seen = new Set<string>();
  #byFolder = true;
  #found = 0;
  #inVain = 0;

  constructor(pages: ListPages, prefix: string, window: LogWindow) {
    this.#pages = pages;
    this.#root = { prefix, base: prefix, time: pathTime(prefix) };
    this.#places = [this.#root];
    this.#window = window;
    this.#begun = beginningsOf(window);
  }

  async *run(): AsyncGenerator<LogObject> {
    for (;;) {
      const place = this.#places.shift();
      if (place !== undefined) yield* this.#look(place);
      else if (this.#found > 0 || this.#others.length === 0) return;
      else this.#places = this.#others.splice(0);
    }
  }

  async *#look(place: Place): AsyncGenerator<LogObject> {
    const folders = new Set<string>();
    let empty = true;
    for (let from: string | null = ""; from !== null; ) {
      const listing: Listing = { prefix: place.prefix, startAfter: from, byFolder: this.#byFolder };
      from = null;
      for await (const page of this.#pages(listing)) {
        const wanted = this.#wantedOf(page, place, folders);
        yield* wanted;
        this.#count(wanted.length, place);
        empty &&= page.objects.length + page.folders.length === 0;
        from = page.more ? this.#jump(page, place) : null;
        if (from !== null) break;
      }
    }
    if (empty && place === this.#root && this.#byFolder) {
      // How the API tells folders is not documented: it has none only if it has nothing at all.
      this.#byFolder = false;
      this.#places.push(place);
    }
    this.#goInto([...folders], place);
  }

  #wantedOf({ objects, folders }: BucketPage, place: Place, below: Set<string>): LogObject[] {
    for (const folder of folders) below.add(folder);
    return objects.filter(({ key }) => {
      const folder = folderOf(key, place);
      if (folder !== null) below.add(folder);
      return folder === null && this.#isWanted(key, place);
    });
  }

  /** A name that is no batch's says no time: its folder may. */
  #isWanted(key: string, { time }: Place): boolean {
    const range = batchRange(key);
    if (range !== null) return mayHold(range, this.#window);
    return time?.unit === "day" || time?.unit === "hour" ? isLogName(key) : false;
  }

  #count(wanted: number, { prefix }: Place): void {
    this.#found += wanted;
    if (wanted === 0) this.#inVain += 1;
    if (this.#inVain <= MAX_PAGES_IN_VAIN) return;
    throw new ApiFailure(
      "rejected",
      `list the logs: too many other files below ${this.#root.prefix || "/"} (stopped at ${prefix}): name the log folder with --prefix`,
    );
  }

  /** Where to list on, so as to pass over what cannot be wanted; null: at the next page. */
  #jump({ objects }: BucketPage, place: Place): string | null {
    const last = objects.at(-1)?.key;
    if (last === undefined) return null;
    const folder = folderOf(last, place);
    // A folder, where the API tells its objects instead: "0" comes right after its slash.
    if (folder !== null) return `${folder.slice(0, -1)}0`;
    if (batchRange(last) === null) return null;
    const first = `${place.prefix}${stamp(this.#begun.sinceMs)}`;
    const end = `${place.prefix}${stamp(this.#begun.untilMs + 1_000)}`;
    if (last >= first && last < end) return null;
    if (place.prefix === place.base) this.#goInto(spelledFolders(this.#begun, place.base), place);
    // Behind the batches of this century: ":" comes right after the digits.
    return last < first ? first : `${place.prefix}20:`;
  }

  #goInto(folders: readonly string[], { base, time: above }: Place): void {
    const places: Place[] = [];
    for (const folder of folders) {
      if (this.#seen.has(folder)) continue;
      this.#seen.add(folder);
      // A beginning of names is listed for the folders that have them.
      const whole = folder.endsWith("/");
      const time = (whole ? folderTime(folder.slice(base.length, -1), above) : null) ?? above;
      const place = { prefix: folder, base: whole ? folder : base, time };
      if (time === null && whole && !/\{.*\}/.test(folder)) this.#others.push(place);
      else if (time === null || overlaps(time, this.#begun)) places.push(place);
    }
    this.#places.push(...places.toSorted((a, b) => (a.time?.fromMs ?? 0) - (b.time?.fromMs ?? 0)));
  }
}

/** The folder of the place that the object lies in; null when it lies in the place itself. */
function folderOf(key: string, { prefix, base }: Place): string | null {
  const slash = key.indexOf("/", Math.max(prefix.length, base.length));
  return slash === -1 ? null : key.slice(0, slash + 1);
}
