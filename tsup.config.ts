import { readFileSync } from "node:fs";
import { defineConfig } from "tsup";

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };

/** One bundle with its libraries inside; what only some verbs need is split off and loaded lazily. */
export default defineConfig({
  entry: { main: "src/cli/main.ts" },
  format: "esm",
  platform: "node",
  target: "node22",
  outDir: "dist/cli",
  clean: true,
  splitting: true,
  minify: true,
  noExternal: [/^(?!miniflare|workerd|@electric-sql\/)/],
  external: ["miniflare", "workerd", /^@electric-sql\//],
  define: { PIXCANARY_VERSION: JSON.stringify(version) },
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
});
