/** Where an operator's key comes from: files of two forms, and the agent; what is refused, and how it is said. */
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, randomBytes, verify } from "node:crypto";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyInFile, makeKeyFile, openOperatorKey } from "../../src/adapters/operator-key.ts";
import { sshString } from "../../src/adapters/ssh-wire.ts";
import { sshBlob } from "../../src/domain/signed-stop/operators.ts";
import { LocalError } from "../../src/ports/errors.ts";
import { testOperator } from "../support/operator.ts";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "pixcanary-key-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const BYTES = new Uint8Array(randomBytes(100));
const places = (env: Record<string, string> = {}) => ({ env, home: dir, cwd: dir, baseDir: dir });

function verifies(publicKey: Uint8Array, signature: Uint8Array): boolean {
  const x = Buffer.from(publicKey).toString("base64url");
  const key = { key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" } as const;
  return verify(null, BYTES, key, signature);
}

async function file(name: string, text: string, mode = 0o600): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

/** As `ssh-keygen -t ed25519 -N ""` writes it. */
function openSsh({ privateKey, publicKey }: ReturnType<typeof testOperator>, cipher = "none") {
  const raw = Buffer.from(publicKey, "base64");
  const { d = "" } = privateKey.export({ format: "jwk" });
  const check = randomBytes(4);
  const text = (value: string) => sshString(Buffer.from(value));
  const secret = Buffer.concat([Buffer.from(d, "base64url"), raw]);
  const section = [
    check,
    check,
    text("ssh-ed25519"),
    sshString(raw),
    sshString(secret),
    text("me"),
  ];
  const one = Buffer.from([0, 0, 0, 1]);
  const head = [Buffer.from("openssh-key-v1\0"), text(cipher), text("none"), text(""), one];
  const body = [...head, sshString(sshBlob(raw)), sshString(Buffer.concat(section))];
  const base64 = Buffer.concat(body).toString("base64").replace(/.{70}/g, "$&\n");
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${base64}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

describe("a key in a file", () => {
  it("of our own making signs", async () => {
    const path = join(dir, "made");
    await makeKeyFile(path);
    const key = await openOperatorKey({ name: "anna", keyFile: "made" }, places());
    expect(verifies(key.publicKey, await key.sign(BYTES))).toBe(true);
    await expect(makeKeyFile(path)).rejects.toThrow(LocalError);
  });

  it("of OpenSSH signs", async () => {
    const anna = testOperator();
    const key = await keyInFile(await file("ssh", openSsh(anna)));
    expect(Buffer.from(key.publicKey).toString("base64")).toBe(anna.publicKey);
    expect(verifies(key.publicKey, await key.sign(BYTES))).toBe(true);
  });

  it.skipIf(!hasSshKeygen())(
    "as ssh-keygen makes it signs; with a passphrase it is refused",
    async () => {
      for (const [name, passphrase] of [
        ["plain", ""],
        ["locked", "secret"],
      ] as const) {
        const path = join(dir, `keygen-${name}`);
        execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-f", path]);
      }
      const key = await keyInFile(join(dir, "keygen-plain"));
      expect(verifies(key.publicKey, await key.sign(BYTES))).toBe(true);
      await expect(keyInFile(join(dir, "keygen-locked"))).rejects.toThrow(/passphrase/);
    },
  );

  const rsa = () =>
    generateKeyPairSync("rsa", { modulusLength: 1_024 }).privateKey.export({
      format: "pem",
      type: "pkcs8",
    });
  const REFUSED: readonly [string, () => Promise<string>, RegExp][] = [
    ["is not there", async () => join(dir, "nowhere"), /is not there$/],
    ["others can read", () => file("open", openSsh(testOperator()), 0o640), /by others .*0640/],
    ["holds nothing", () => file("empty", ""), /holds no private key/],
    ["holds an RSA key", () => file("rsa", rsa().toString()), /not Ed25519$/],
    ["has a passphrase", () => file("locked", openSsh(testOperator(), "aes256-ctr")), /SSH agent/],
    ["is cut off", () => file("cut", openSsh(testOperator()).slice(0, 150)), /can be read$/],
    ["is a folder", async () => dir, /./],
  ];
  it.each(REFUSED)("that %s is refused, and not quoted", async (_name, made, why) => {
    const refused = keyInFile(await made());
    await expect(refused).rejects.toThrow(LocalError);
    await expect(refused).rejects.toThrow(why);
  });

  it("of the variable counts before the configuration", async () => {
    const anna = testOperator();
    const PIXCANARY_OPERATOR_KEY_FILE = await file("variable", openSsh(anna));
    const env = { PIXCANARY_OPERATOR_KEY_FILE };
    const key = await openOperatorKey({ name: "anna", agentKey: "x" }, places(env));
    expect(Buffer.from(key.publicKey).toString("base64")).toBe(anna.publicKey);
  });
});

describe("a key in the SSH agent", () => {
  let servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
    servers = [];
  });

  /** Answers each message with what `reply` makes of its bytes. */
  async function agent(reply: (message: Buffer) => Buffer | null): Promise<string> {
    const path = join(dir, `agent-${servers.length}`);
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (data) => {
        const answer = reply(Buffer.from(data).subarray(4));
        if (answer === null) socket.destroy();
        else socket.write(sshString(answer));
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return path;
  }

  const anna = testOperator();
  const raw = Buffer.from(anna.publicKey, "base64");
  const list = Buffer.concat([
    Buffer.from([12, 0, 0, 0, 2]),
    ...[sshString(Buffer.from("an RSA key")), sshString(Buffer.from("work"))],
    ...[sshString(sshBlob(raw)), sshString(Buffer.from("anna@laptop"))],
  ]);
  const signing = async (message: Buffer) => {
    const { sign } = await import("node:crypto");
    const blobBytes = message.readUInt32BE(1);
    const at = 5 + blobBytes;
    const bytes = message.subarray(at + 4, at + 4 + message.readUInt32BE(at));
    const signature = sign(null, bytes, anna.privateKey);
    const parts = [sshString(Buffer.from("ssh-ed25519")), sshString(signature)];
    return Buffer.concat([Buffer.from([14]), sshString(Buffer.concat(parts))]);
  };

  it.each([
    ["its public part", `ssh-ed25519 ${Buffer.from(sshBlob(raw)).toString("base64")} me`],
    ["its comment", "anna@laptop"],
  ])("is found by %s and signs", async (_name, agentKey) => {
    let signed: Buffer | null = null;
    const SSH_AUTH_SOCK = await agent((message) => (message[0] === 11 ? list : signed));
    const request = Buffer.concat([
      Buffer.from([13]),
      sshString(sshBlob(raw)),
      sshString(BYTES),
      Buffer.alloc(4),
    ]);
    signed = await signing(request);
    const key = await openOperatorKey({ name: "anna", agentKey }, places({ SSH_AUTH_SOCK }));
    expect(verifies(key.publicKey, await key.sign(BYTES))).toBe(true);
  });

  it.each([
    ["has other keys", () => Buffer.from([12, 0, 0, 0, 0]), /does not have the operator key/],
    ["is locked", () => Buffer.from([5]), /refused/],
    ["hangs up", () => null, /does not answer/],
    ["answers nonsense", () => Buffer.from([12, 0, 0, 0, 9, 1]), /cannot be read/],
  ])("that %s: said, and nothing more", async (_name, reply, why) => {
    const SSH_AUTH_SOCK = await agent(reply);
    const opened = openOperatorKey(
      { name: "anna", agentKey: "anna@laptop" },
      places({ SSH_AUTH_SOCK }),
    );
    await expect(opened).rejects.toThrow(why);
    await expect(opened).rejects.toThrow(LocalError);
  });
});

function hasSshKeygen(): boolean {
  try {
    execFileSync("ssh-keygen", ["-?"], { stdio: "ignore" });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}
