/** The arrows of docs/architecture.md, enforced: who may import whom. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Layer {
  /** The folder or file, relative to the root. */
  at: string;
  /** Layers of ours that it may import. */
  ours: readonly string[];
  /** Packages that it may import; `node:` stands for Node's own modules. */
  packages: readonly string[];
}

const DOMAIN = "src/domain";
const PORTS = "src/ports";

const LAYERS: readonly Layer[] = [
  { at: DOMAIN, ours: [], packages: ["zod", "d3-scale", "d3-shape"] },
  { at: PORTS, ours: [DOMAIN], packages: [] },
  { at: "src/commands", ours: [DOMAIN, PORTS], packages: ["zod"] },
  {
    at: "src/adapters",
    ours: [DOMAIN, PORTS],
    packages: [
      "node:",
      "cloudflare",
      "zod",
      "ulid",
      "jsonc-parser",
      "@decimalturn/toml-patch",
      "pg",
      "#dashboard-page",
    ],
  },
  {
    at: "src/cli",
    ours: [DOMAIN, PORTS, "src/commands", "src/adapters", "src/sandbox"],
    packages: ["node:", "commander", "@clack/prompts", "picocolors", "log-update", "zod"],
  },
  {
    at: "src/sandbox",
    ours: [DOMAIN],
    packages: [
      "node:",
      "miniflare",
      "@electric-sql",
      "chdb",
      "hono",
      "@hono/node-server",
      "undici",
      "ws",
      "zod",
      "pg",
      "ulid",
      // Its scripts run in workerd.
      "cloudflare:",
    ],
  },
  { at: "worker", ours: [DOMAIN], packages: ["pg", "jose", "cloudflare:", "#dashboard-page"] },
  // In the browser.
  { at: "src/dashboard", ours: [DOMAIN], packages: ["uplot"] },
];

/** Pure: no clock, randomness, network, console or process. Types and comments do not count. */
const IMPURE =
  /\b(Date\.now\(|new Date\(\)|Math\.random\(|fetch\(|console\.|process\.|setTimeout\(|crypto\.)/;

function filesOf(at: string): string[] {
  if (at.endsWith(".ts")) return [join(ROOT, at)];
  return readdirSync(join(ROOT, at), { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".d.ts"),
    )
    .map((entry) => join(entry.parentPath, entry.name));
}

function importsOf(source: string): string[] {
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|^import\s*)"([^"\s]+)"/gm;
  return [...source.matchAll(pattern)].map((match) => match[1] ?? "");
}

/** The imports of one source that its layer forbids, as text. */
export function violations(layer: Layer, file: string, source: string): string[] {
  const allowed = [layer.at, ...layer.ours].map((at) => join(ROOT, at));
  return importsOf(source)
    .filter((specifier) => {
      if (!specifier.startsWith(".")) {
        return !layer.packages.some(
          (name) =>
            specifier === name || specifier.startsWith(name.endsWith(":") ? name : `${name}/`),
        );
      }
      const target = resolve(dirname(file), specifier);
      return !allowed.some((at) => target === at || target.startsWith(`${at}/`));
    })
    .map((specifier) => `${relative(ROOT, file)} imports ${specifier}`);
}

/** Of the sources: whom each imports, types included; both relative to the root. */
function importGraph(): Map<string, string[]> {
  const files = [...filesOf("src"), ...filesOf("worker")];
  return new Map(
    files.map((file) => {
      const specifiers = importsOf(readFileSync(file, "utf8")).filter((s) => s.startsWith("."));
      const targets = specifiers.map((s) => relative(ROOT, resolve(dirname(file), s)));
      return [relative(ROOT, file), targets];
    }),
  );
}

/** The first circle that is found, as the files on it; null when there is none. */
export function circleIn(graph: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    for (const next of graph.get(file) ?? []) {
      const circle = visit(next, [...path, file]);
      if (circle !== null) return circle;
    }
    done.add(file);
    return null;
  };
  for (const file of graph.keys()) {
    const circle = visit(file, []);
    if (circle !== null) return circle;
  }
  return null;
}

/** Rooms of `src/commands` that several verbs share; each other folder is that of its verbs alone. */
const SHARED_ROOMS = ["lib", "lower", "smoke"];
const VERBS = "src/commands/index.ts";

/**
 * Who reaches into the room of another verb. A verb that performs others, as `drill` and `ramp` do, takes
 * them as the operator would: by what `index.ts` lists.
 */
export function intrusions(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const roomOf = (file: string) => /^src\/commands\/([^/]+)\//.exec(file)?.[1] ?? null;
  // A file beside the rooms may have one of its own name.
  const homeOf = (file: string) => /^src\/commands\/([^/]+?)(?:\/|\.ts$)/.exec(file)?.[1] ?? null;
  const verbs = new Set(graph.get(VERBS));
  return [...graph].flatMap(([file, targets]) =>
    targets
      .filter((target) => {
        const room = roomOf(target);
        const isOpen = room === null || SHARED_ROOMS.includes(room) || verbs.has(target);
        return !isOpen && room !== homeOf(file);
      })
      .map((target) => `${file} imports ${target}`),
  );
}

const MAX_LINES = 300;

describe("layers", () => {
  for (const layer of LAYERS) {
    it(`${layer.at} imports only what it may`, () => {
      const files = filesOf(layer.at);
      expect(files.length).toBeGreaterThan(0);
      const found = files.flatMap((file) => violations(layer, file, readFileSync(file, "utf8")));
      expect(found).toEqual([]);
    });
  }

  it("the domain is pure", () => {
    const impure = filesOf(DOMAIN).filter((file) => {
      const code = readFileSync(file, "utf8").replace(
        /\/\*[\s\S]*?\*\/|\/\/.*$|`[^`]*`|"[^"\n]*"/gm,
        "",
      );
      return IMPURE.test(code);
    });
    expect(impure.map((file) => relative(ROOT, file))).toEqual([]);
  });

  it("no file imports itself by way of others", () => {
    expect(circleIn(importGraph())).toBeNull();
    const circle = circleIn(
      new Map([...importGraph(), ["src/a.ts", ["src/b.ts"]], ["src/b.ts", ["src/a.ts"]]]),
    );
    expect(circle).toEqual(["src/a.ts", "src/b.ts", "src/a.ts"]);
  });

  it("what serves one verb is imported by that verb alone", () => {
    expect(intrusions(importGraph())).toEqual([]);
    const broken = new Map([["src/commands/watch/view.ts", ["src/commands/status/text.ts"]]]);
    expect(intrusions(broken)).toHaveLength(1);
  });

  it(`no source has more than ${MAX_LINES} lines`, () => {
    const long = [...filesOf("src"), ...filesOf("worker")].filter(
      (file) => readFileSync(file, "utf8").trimEnd().split("\n").length > MAX_LINES,
    );
    expect(long.map((file) => relative(ROOT, file))).toEqual([]);
  });

  it("signals are joined by what holds them", () => {
    const files = [...filesOf("src"), ...filesOf("worker")];
    const loose = files.filter((file) => readFileSync(file, "utf8").includes("AbortSignal.any("));
    expect(loose.map((file) => relative(ROOT, file))).toEqual(["src/domain/lib/abort.ts"]);
  });

  it("a broken arrow is noticed", () => {
    const [domain] = LAYERS;
    if (domain === undefined) throw new Error("no layers");
    const file = join(ROOT, DOMAIN, "broken.ts");
    expect(violations(domain, file, 'import { x } from "../adapters/clock.ts";')).toHaveLength(1);
    expect(violations(domain, file, 'import { readFile } from "node:fs";')).toHaveLength(1);
    expect(violations(domain, file, 'const m = await import("undici");')).toHaveLength(1);
    expect(violations(domain, file, 'import type { A } from "./state.ts";')).toHaveLength(0);
  });
});
