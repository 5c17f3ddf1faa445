/** Which rungs are open, by the journal; and the rule of each. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  proxyOnlyIn,
  servesAll,
  serving,
  splitText,
} from "../../../src/domain/ladder/proxy-only.ts";
import { openRungs, type Rung, type RungEntry } from "../../../src/domain/ladder/rung.ts";
import { parseJournalEntry } from "../../../src/domain/state/journal.ts";
import { journalEntry } from "../../support/journal-entries.ts";

const OLD = [{ versionId: "old", percentage: 100 }];
const version = (action: Rung["action"], before: typeof OLD | null = OLD): Rung => {
  return { via: "version", action, versionId: "proxy", before };
};
const route = (action: Rung["action"], pattern = "a.test/*", zoneId = "z"): Rung => {
  const routes = [{ pattern, script: "pix" }];
  return { via: "route", action, zone: "a.test", zoneId, routes };
};
const entries = (...rungs: (Rung | undefined)[]): RungEntry[] =>
  rungs.map((rung, nth) => ({ at: `2026-01-01T00:00:0${nth}Z`, actor: "anna", rung }));

describe("what is open", () => {
  test("nothing without a rung, or after each was undone", () => {
    expect(openRungs(entries(undefined))).toEqual({ version: null, route: null });
    const undone = entries(version("taken"), route("taken"), route("undone"), version("undone"));
    expect(openRungs(undone)).toEqual({ version: null, route: null });
  });

  test("each by itself, with when and by whom", () => {
    const { version: open, route: gone } = openRungs(entries(version("taken"), route("taken")));
    expect(open).toMatchObject({ by: "anna", at: "2026-01-01T00:00:00Z", rung: { before: OLD } });
    expect(gone?.rung.routes).toEqual([{ pattern: "a.test/*", script: "pix" }]);
    expect(
      openRungs(entries(version("taken"), route("taken"), route("undone"))).version,
    ).not.toBeNull();
  });

  test("taken again, it keeps what was there before the first; what was newly there counts", () => {
    const again = openRungs(entries(version("taken"), version("taken", null)));
    expect(again.version?.rung.before).toEqual(OLD);
    const newer = [{ versionId: "newer", percentage: 100 }];
    const later = openRungs(entries(version("taken"), version("taken", newer)));
    expect(later.version?.rung.before).toEqual(newer);
  });

  test("routes that are deleted one after the other all come back", () => {
    const { route: open } = openRungs(entries(route("taken"), route("taken", "b.test/*")));
    expect(open?.rung.routes.map(({ pattern }) => pattern)).toEqual(["a.test/*", "b.test/*"]);
  });

  test("property: after an undoing nothing of before is open, whatever came first", () => {
    const rung = fc.constantFrom(
      version("taken"),
      version("undone"),
      route("taken"),
      route("undone"),
    );
    fc.assert(
      fc.property(fc.array(fc.option(rung, { nil: undefined })), (before) => {
        const open = openRungs(entries(...before, version("undone"), route("undone")));
        expect(open).toEqual({ version: null, route: null });
      }),
    );
  });
});

describe("in a journal entry", () => {
  const entry = journalEntry();
  const read = (rung: unknown) => parseJournalEntry(JSON.stringify({ ...entry, rung }));

  test("a rung survives the way through KV", () => {
    expect(read(version("taken"))?.rung).toEqual(version("taken"));
    expect(read(route("undone"))?.rung).toEqual(route("undone"));
  });

  test.each([[{ via: "dns" }], ["taken"], [{ via: "version", action: "taken" }], [null]])(
    "%j is none, and the entry is read all the same",
    (rung) => {
      expect(read(rung)).toMatchObject({ id: entry.id });
      expect(read(rung)?.rung).toBeUndefined();
    },
  );
});

test("the newest proxy-only version counts, and what serves is what has visitors", () => {
  const tagged = (id: string, tag: string | null) => ({ id, at: "", tag });
  const list = [tagged("3", null), tagged("2", "proxy-only"), tagged("1", "proxy-only")];
  expect(proxyOnlyIn(list)?.id).toBe("2");
  expect(proxyOnlyIn([tagged("3", "other")])).toBeNull();
  const split = [
    { versionId: "0123456789", percentage: 100 },
    { versionId: "b", percentage: 0 },
  ];
  expect([serving(split), servesAll(split, "b"), splitText(split)]).toEqual([
    ["0123456789"],
    false,
    "01234567 at 100 %, b at 0 %",
  ]);
});
