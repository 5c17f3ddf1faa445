/** `operator-key`: a file of one's own, and its public part where it belongs. */
import { chmod, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { keyInFile } from "../../src/adapters/operator-key.ts";
import { operatorSchema } from "../../src/domain/config/operator.ts";
import { base64Of, parseOperatorKeys } from "../../src/domain/signed-stop/operators.ts";
import { runHere } from "../support/here.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "pixcanary-operator-"));
});
afterAll(() => rm(home, { recursive: true, force: true }));
const run = (...words: string[]) => runHere(["operator-key", ...words], { env: { HOME: home } });
const path = () => join(home, ".config/pixcanary/operator-key");

it("makes a 0600 file and prints lines that Worker and configuration take", async () => {
  const { code, stdout } = await run("--name", "anna");
  expect(code).toBe(0);
  expect((await stat(path())).mode & 0o777).toBe(0o600);
  const publicKey = base64Of((await keyInFile(path())).publicKey);
  const line = /"OPERATOR_KEYS": (".*")/.exec(stdout)?.[1] ?? "";
  const { keys } = parseOperatorKeys(JSON.parse(line));
  expect(keys.map((key) => [key.name, base64Of(key.publicKey)])).toEqual([["anna", publicKey]]);
  const settings = JSON.parse(/"operator": ({.*})/.exec(stdout)?.[1] ?? "");
  expect(operatorSchema().parse(settings)).toEqual({ name: "anna", keyFile: path() });
});

it("never takes the place of a key, and shows it instead when asked", async () => {
  const before = await readFile(path(), "utf8");
  const again = await run("--name", "anna");
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("no key was made")]);
  expect(again.stderr).toContain("operator-key --name anna --show");
  const { code, stdout } = await run("--name", "bo", "--show", "--json");
  expect(code).toBe(0);
  const publicKey = base64Of((await keyInFile(path())).publicKey);
  expect(JSON.parse(stdout)).toMatchObject({ name: "bo", public_key: publicKey });
  expect(await readFile(path(), "utf8")).toBe(before);
  expect(stdout).not.toContain("PRIVATE");
});

it("names what helps: chmod for a file that others can read, the same file for one that is not there", async () => {
  const file = join(home, "a key");
  const absent = await run("--name", "anna", "--file", file, "--show");
  expect(absent.stderr).toContain(`next: pixcanary operator-key --name anna --file '${file}'\n`);
  const planned = await run("--name", "anna", "--file", file, "--dry-run");
  expect([planned.code, planned.stdout]).toEqual([
    0,
    expect.stringContaining("nothing was written"),
  ]);
  await expect(stat(file)).rejects.toThrow();
  await run("--name", "anna", "--file", file);
  await chmod(file, 0o644);
  const exposed = await run("--name", "anna", "--file", file, "--show");
  expect(exposed.stderr).toContain(
    `next: chmod 600 '${file}' && pixcanary operator-key --name anna --file '${file}' --show`,
  );
});

it.each([[["--name", "guardian"]], [["--name", "an na"]], [[]]])("%j: usage", async (words) => {
  expect((await run(...words)).code).toBe(2);
});
