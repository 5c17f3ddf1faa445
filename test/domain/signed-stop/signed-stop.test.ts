import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { carriersOf, problemsIn } from "../../../src/domain/signed-stop/answer.ts";
import {
  bodyOf,
  MAX_STOP_BYTES,
  parseStopMessage,
  signedBytes,
} from "../../../src/domain/signed-stop/message.ts";
import {
  markedName,
  parseOperatorKeys,
  parsePublicKey,
  sshBlob,
} from "../../../src/domain/signed-stop/operators.ts";
import { isOfNow, timesBy } from "../../../src/domain/signed-stop/window.ts";
import { messageOf, testOperator } from "../../support/operator.ts";

const NOW_MS = Date.parse("2026-03-01T12:00:00Z");
const at = (offsetMs: number) => new Date(NOW_MS + offsetMs).toISOString();
const bytes = (value: unknown) => new Uint8Array(new TextEncoder().encode(JSON.stringify(value)));

describe("the message of a signed stop", () => {
  it("is read back as it was made", () => {
    const message = messageOf({ reason: 'say "no"\u0000 – ✖' });
    expect(parseStopMessage(bodyOf(message))).toEqual(message);
    expect(parseStopMessage(bodyOf(messageOf({ reason: null })))?.reason).toBeNull();
  });

  it("fits into its limit whatever the reason", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 3_000 }), (reason) => {
        const body = bodyOf(messageOf({ reason, environment: "e".repeat(32) }));
        expect(body.length).toBeLessThanOrEqual(MAX_STOP_BYTES);
        expect(parseStopMessage(body)?.reason).not.toBeNull();
      }),
    );
    const body = bodyOf(messageOf({ reason: "\u0001".repeat(400) }));
    expect(parseStopMessage(body)?.reason?.length).toBeGreaterThan(200);
  });

  it.each([
    ["another version", { v: 2 }],
    ["an unknown field", { release: true }],
    ["a share", { canary_percent: 100 }],
    ["an id that is no ULID", { id: "not-a-ulid" }],
    ["an id in lower case", { id: "01jcqz5e7m3v9x2k8r4t6w0a1b" }],
    ["a time with an offset", { at: "2026-03-01T13:00:00+01:00" }],
    ["a time that does not exist", { sent_at: "2026-13-01T12:00:00Z" }],
    ["no reason at all", { reason: undefined }],
    ["a reason that is too long", { reason: "r".repeat(501) }],
    ["no environment", { environment: "" }],
  ])("with %s is none", (_name, more) => {
    expect(parseStopMessage(bytes({ ...messageOf(), ...more }))).toBeNull();
  });

  it("is none as anything but one JSON document in UTF-8", () => {
    for (const text of ["", "null", "[]", "{", "1"]) {
      expect(parseStopMessage(new Uint8Array(Buffer.from(text)))).toBeNull();
    }
    expect(parseStopMessage(new Uint8Array([0xff, 0xfe]))).toBeNull();
    const long = Buffer.concat([bodyOf(messageOf()), Buffer.alloc(MAX_STOP_BYTES, " ")]);
    expect(parseStopMessage(new Uint8Array(long))).toBeNull();
  });

  it("is signed behind its context", () => {
    const body = bodyOf(messageOf());
    expect(Buffer.from(signedBytes(body)).toString()).toBe(
      `pixcanary-stop-v1\n${Buffer.from(body).toString()}`,
    );
  });
});

describe("the window", () => {
  it.each([
    [0, true],
    [120_000, true],
    [-120_000, true],
    [120_001, false],
    [-120_001, false],
  ])("a message of %i ms from now: %j", (offsetMs, inside) => {
    expect(isOfNow({ at: at(0), sent_at: at(offsetMs) }, NOW_MS)).toBe(inside);
  });

  it("does not open for a time that cannot be read, or for a stop of another day", () => {
    expect(isOfNow({ at: at(0), sent_at: "soon" }, NOW_MS)).toBe(false);
    expect(isOfNow({ at: at(-86_400_000), sent_at: at(0) }, NOW_MS)).toBe(true);
    expect(isOfNow({ at: at(86_400_001), sent_at: at(0) }, NOW_MS)).toBe(false);
  });

  it("opens for what is sent again by the server's clock, and the stop keeps its time", () => {
    for (const offsetMs of [-3_600_000, 3_600_000, 900 * 86_400_000]) {
      const times = timesBy(NOW_MS, { at: at(offsetMs) });
      expect(isOfNow(times, NOW_MS)).toBe(true);
      if (Math.abs(offsetMs) < 86_400_000) expect(times.at).toBe(at(offsetMs));
    }
  });
});

describe("OPERATOR_KEYS", () => {
  const anna = testOperator("anna");
  const blob = sshBlob(new Uint8Array(Buffer.from(anna.publicKey, "base64")));
  const ssh = `ssh-ed25519 ${Buffer.from(blob).toString("base64")} anna@laptop`;

  it("takes raw keys and lines of OpenSSH", () => {
    const { keys, problems } = parseOperatorKeys(JSON.stringify({ anna: anna.publicKey, bo: ssh }));
    expect(problems).toEqual([]);
    expect(keys.map(({ name }) => name)).toEqual(["anna", "bo"]);
    expect(keys[1]?.publicKey).toEqual(keys[0]?.publicKey);
    expect(keys.map(markedName)[0]).toBe(`anna ${anna.publicKey.slice(0, 12)}`);
  });

  it.each([
    ["nothing", undefined, 0, 0],
    ["an empty object", "{}", 0, 0],
    ["no JSON", "anna", 0, 1],
    ["a list", "[]", 0, 1],
    ["a name with a blank", JSON.stringify({ "an na": anna.publicKey }), 0, 1],
    ["the guardian's name", JSON.stringify({ guardian: anna.publicKey }), 0, 1],
    ["a key beside one that is none", JSON.stringify({ anna: anna.publicKey, bo: "?" }), 1, 1],
    ["a number", JSON.stringify({ anna: 1 }), 0, 1],
  ])("of %s", (_name, text, keys, problems) => {
    const parsed = parseOperatorKeys(text);
    expect([parsed.keys.length, parsed.problems.length]).toEqual([keys, problems]);
    expect(parsed.problems.join()).not.toContain(anna.publicKey);
  });

  it("of more than 64 uses none, and says so", () => {
    const many = Object.fromEntries(
      Array.from({ length: 65 }, (_, nth) => [`n${nth}`, anna.publicKey]),
    );
    expect(parseOperatorKeys(JSON.stringify(many))).toMatchObject({
      keys: [],
      problems: [expect.stringContaining("more than 64")],
    });
  });

  it.each([
    ["zeros", Buffer.alloc(32)],
    ["one", Buffer.concat([Buffer.from([1]), Buffer.alloc(31)])],
    ["minus zero", Buffer.concat([Buffer.alloc(31), Buffer.from([0x80])])],
    ["a key that is too short", Buffer.alloc(31, 7)],
    ["a key that is too long", Buffer.alloc(33, 7)],
  ])("a public key of %s is none", (_name, key) => {
    expect(parsePublicKey(key.toString("base64"))).toBeNull();
  });

  it("an RSA key of OpenSSH is none", () => {
    expect(parsePublicKey("ssh-rsa AAAAB3NzaC1yc2E= anna")).toBeNull();
    expect(parsePublicKey(`ssh-ed25519 ${Buffer.alloc(51).toString("base64")}`)).toBeNull();
  });
});

it("the journal is no carrier", () => {
  const problem = { problem: "no answer yet" };
  const written = { beacon: "off", kv: problem, journal: "written" } as const;
  expect(carriersOf(written)).toEqual([]);
  expect(carriersOf({ ...written, kv: "written" })).toEqual(["kv"]);
  expect(problemsIn(written)).toBe("kv: no answer yet");
});
