import { readFileSync } from "node:fs";
import { defineConfig } from "tsup";

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };

/**
 * Start-up time is response time. Importing `node:process` as a module initialises every stream it
 * has, and `node:child_process` serves only commander's executable subcommands, which we have none of.
 */
const LEAN: Readonly<Record<string, string>> = {
  "node:process": "export default globalThis.process;",
  "node:child_process": "export default {}; export const spawn = undefined;",
};

/** One bundle with its libraries inside, and a smaller one for relief; the sandbox and its chDB process apart, only when used. */
export default defineConfig({
  entry: {
    main: "src/cli/main.ts",
    relief: "src/cli/relief.ts",
    sandbox: "src/sandbox/index.ts",
    "database-probe": "src/adapters/database-probe.ts",
    "chdb-child": "src/sandbox/analytics/chdb-child.ts",
  },
  format: "esm",
  platform: "node",
  target: "node22",
  outDir: "dist/cli",
  clean: true,
  splitting: false,
  removeNodeProtocol: false,
  minify: true,
  noExternal: [/^(?!miniflare|workerd|chdb|@electric-sql\/)/],
  external: ["miniflare", "workerd", "chdb", /^@electric-sql\//],
  // Its CommonJS hides what it requires from the bundler.
  esbuildOptions: (options) => {
    options.alias = { "jsonc-parser": "jsonc-parser/lib/esm/main.js" };
  },
  define: { PIXCANARY_VERSION: JSON.stringify(version) },
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  esbuildPlugins: [
    {
      name: "lean-start",
      setup(build) {
        const apart = (filter: RegExp, bundle: string) =>
          build.onResolve({ filter }, ({ importer }) =>
            importer.includes("/cli/") ? { path: `./${bundle}.js`, external: true } : undefined,
          );
        apart(/sandbox\/(index|control\/help)\.ts$/, "sandbox");
        apart(/adapters\/database-probe\.ts$/, "database-probe");
        const filter = /^node:(process|child_process)$/;
        build.onResolve({ filter }, ({ path, importer }) =>
          /node_modules.commander/.test(importer) ? { path, namespace: "lean" } : undefined,
        );
        build.onLoad({ filter: /.*/, namespace: "lean" }, ({ path }) => ({
          contents: LEAN[path] ?? "",
        }));
      },
    },
  ],
});
