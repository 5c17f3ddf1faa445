/** The wire format that OpenSSH's key files and its agent share: numbers of four bytes, and strings behind their length. */

export interface SshReader {
  /** Each throws RangeError when there is not enough left. */
  take(bytes: number): Buffer;
  uint32(): number;
  string(): Buffer;
  text(): string;
}

export function sshReader(bytes: Buffer): SshReader {
  let at = 0;
  const take = (count: number): Buffer => {
    if (count > bytes.length - at) throw new RangeError("too short");
    at += count;
    return bytes.subarray(at - count, at);
  };
  const string = (): Buffer => take(take(4).readUInt32BE());
  return {
    take,
    uint32: () => take(4).readUInt32BE(),
    string,
    text: () => string().toString("utf8"),
  };
}

export function sshString(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
