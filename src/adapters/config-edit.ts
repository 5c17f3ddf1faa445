/** JSON with comments, and TOML, edited where it must be and nowhere else. */
import { realpath, rename, rm, stat } from "node:fs/promises";
import { LocalError } from "../ports/errors.ts";
import type { ConfigFiles } from "../ports/setup.ts";
import { readJsonc } from "./jsonc.ts";
import { editJsonc } from "./jsonc-edit.ts";
import { local } from "./local-failure.ts";
import { editToml, readToml } from "./toml-edit.ts";
import { readText, writeAside } from "./whole-file.ts";

/** It holds no secret, and goes into a repository. */
const NEW_FILE_MODE = 0o644;

export function createConfigFiles(): ConfigFiles {
  return {
    async read(path) {
      const text = await textAt(path);
      if (text === null) return null;
      return { text, value: await (isToml(path) ? tomlAt : jsonAt)(path, text) };
    },
    edited: (path, text, edits) => (isToml(path) ? editToml : editJsonc)(text, edits),
    async write(path, { before, after }, check) {
      await check?.(after);
      const target = await realpath(path).catch(() => path);
      const mode = await stat(target).then(
        (entry) => entry.mode & 0o777,
        () => NEW_FILE_MODE,
      );
      const aside = await local(`write ${target}`, () => writeAside(target, after, mode));
      try {
        // Not what the plan was made from: somebody has changed it meanwhile.
        if ((await textAt(target)) !== before) {
          throw new LocalError(`${path} was changed meanwhile; run setup again`);
        }
        await local(`write ${target}`, () => rename(aside, target));
      } finally {
        await rm(aside, { force: true });
      }
    },
  };
}

function isToml(path: string): boolean {
  return path.endsWith(".toml");
}

async function jsonAt(path: string, text: string): Promise<unknown> {
  const { value, mistake } = await readJsonc(text);
  if (mistake === null) return value;
  throw new LocalError(`${path}:${mistake.line}:${mistake.column}: not JSON: ${mistake.what}`);
}

async function tomlAt(path: string, text: string): Promise<unknown> {
  try {
    return await readToml(text);
  } catch (error) {
    // It draws the place below its first line.
    const [why = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new LocalError(`${path}: not TOML: ${why}`);
  }
}

function textAt(path: string): Promise<string | null> {
  return local(`read ${path}`, () => readText(path));
}
