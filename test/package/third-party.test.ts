/** The licences of what is bundled: none is overlooked, and none is accepted unread. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noticeOf, notices, packagesIn } from "../../scripts/third-party.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "pixcanary-licences-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function folder(name: string, license: string | undefined, files: Record<string, string>) {
  const path = join(root, "node_modules", name);
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "package.json"), JSON.stringify({ name, version: "1.2.3", license }));
  await Promise.all(
    Object.entries(files).map(([file, text]) => writeFile(join(path, file), `${text}\n`)),
  );
  return path;
}

describe("third-party notices", () => {
  it("are of every package that has bytes in an output, nested and scoped ones too", () => {
    const used = { bytesInOutput: 1 };
    const inputs = {
      "src/cli/main.ts": used,
      "node_modules/zod/v4/core.js": used,
      "node_modules/zod/v4/util.js": used,
      "node_modules/@clack/core/dist/index.mjs": used,
      "../elsewhere/node_modules/a/node_modules/b/index.js": used,
      "node_modules/unused/index.js": { bytesInOutput: 0 },
    };
    expect(packagesIn({ outputs: { "main.js": { inputs } } }, "/clone")).toEqual([
      "/clone/node_modules/zod",
      "/clone/node_modules/@clack/core",
      "/elsewhere/node_modules/a/node_modules/b",
    ]);
  });

  it("hold each text whole, a NOTICE file too, and one that stands in the README alone", async () => {
    const folders = [
      await folder("b", "Apache-2.0", { LICENSE: "Apache License", NOTICE: "thanks to C" }),
      await folder("a", "MIT", { "README.md": "# a\n\n## License\n\nCopyright A\n\n## More\n\nx" }),
    ];
    const text = notices(folders);
    expect(text.indexOf("\na 1.2.3 (MIT)\n\nCopyright A\n")).toBeGreaterThan(0);
    expect(text).toContain("\nb 1.2.3 (Apache-2.0)\n\nApache License\n\nthanks to C\n");
    expect(text).not.toContain("## More");
  });

  it.each([
    ["GPL-3.0-only", { LICENSE: "GPL" }, /read this licence/],
    [undefined, { LICENSE: "?" }, /no licence named/],
    ["MIT", {}, /has no licence text/],
  ] as const)("are refused for %s with %j", async (license, files, problem) => {
    const path = await folder(`bad-${license ?? "none"}`, license, files);
    expect(() => noticeOf(path)).toThrow(problem);
  });
});
