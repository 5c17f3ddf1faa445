/** The smallest WebSocket echo (RFC 6455): enough to see an upgrade pass through the proxy. */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const CLOSE = 8;
const PING = 9;
const PONG = 10;
/** Frames with an 8-byte length are refused: nothing in the sandbox sends them. */
const LONGEST_LENGTH_CODE = 126;

export function echoWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const key = request.headers["sec-websocket-key"];
  if (key === undefined) {
    socket.destroy();
    return;
  }
  const accept = createHash("sha1")
    .update(key + GUID)
    .digest("base64");
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  let buffer: Buffer = head;
  const drain = (): void => {
    for (let frame = takeFrame(buffer); frame !== null; frame = takeFrame(buffer)) {
      buffer = frame.rest;
      if (frame.opcode !== PONG) socket.write(encode(frame));
      if (frame.opcode === CLOSE) socket.end();
    }
  };
  socket.on("data", (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    if ((buffer.byteLength > 1 ? buffer.readUInt8(1) & 0x7f : 0) > LONGEST_LENGTH_CODE) {
      socket.destroy();
    } else drain();
  });
  socket.on("error", () => socket.destroy());
  drain();
}

interface Frame {
  /** First byte: final flag and opcode. */
  first: number;
  opcode: number;
  payload: Buffer;
}

function takeFrame(buffer: Buffer): (Frame & { rest: Buffer }) | null {
  if (buffer.byteLength < 2) return null;
  const first = buffer.readUInt8(0);
  const code = buffer.readUInt8(1) & 0x7f;
  const masked = (buffer.readUInt8(1) & 0x80) !== 0;
  const lengthEnd = code === LONGEST_LENGTH_CODE ? 4 : 2;
  if (buffer.byteLength < lengthEnd) return null;
  const length = code === LONGEST_LENGTH_CODE ? buffer.readUInt16BE(2) : code;
  const start = lengthEnd + (masked ? 4 : 0);
  if (buffer.byteLength < start + length) return null;
  const payload = Buffer.from(buffer.subarray(start, start + length));
  if (masked) {
    for (let i = 0; i < length; i++) {
      payload.writeUInt8(payload.readUInt8(i) ^ buffer.readUInt8(lengthEnd + (i % 4)), i);
    }
  }
  return { first, opcode: first & 0x0f, payload, rest: buffer.subarray(start + length) };
}

function encode({ first, opcode, payload }: Frame): Buffer {
  const head = opcode === PING ? (first & 0xf0) | PONG : first;
  if (payload.byteLength < LONGEST_LENGTH_CODE) {
    return Buffer.concat([Buffer.from([head, payload.byteLength]), payload]);
  }
  const length = Buffer.alloc(2);
  length.writeUInt16BE(payload.byteLength);
  return Buffer.concat([Buffer.from([head, LONGEST_LENGTH_CODE]), length, payload]);
}
