/** Bytes of a pipe, as they come. */
import { Socket } from "node:net";

const PIECE_BYTES = 256 * 1024;

/**
 * Each piece is valid until the next is asked for: all use one buffer, as those that a stream makes pile up
 * faster than they are collected. Through the event loop: a plain read would hold a thread, and a process with
 * such a thread cannot end. Rejects when the pipe cannot be read.
 */
export async function* piecesOfPipe(fd: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(PIECE_BYTES);
  let arrived = newArrival();
  const onread = {
    buffer,
    // No: nothing more into this buffer until the piece has been used.
    callback: (bytes: number): boolean => {
      arrived.resolve(bytes);
      return false;
    },
  };
  const socket = new Socket({ fd, readable: true, writable: false, onread });
  socket.on("error", (error) => arrived.reject(error));
  for (const end of ["end", "close"]) socket.on(end, () => arrived.resolve(0));
  try {
    for (;;) {
      const bytes = await arrived.promise;
      if (bytes === 0) return;
      arrived = newArrival();
      yield buffer.subarray(0, bytes);
      socket.resume();
    }
  } finally {
    socket.destroy();
  }
}

function newArrival() {
  const arrival = Promise.withResolvers<number>();
  // Whoever waits hears of a failure; while nobody does, it must not end the process.
  arrival.promise.catch(() => undefined);
  return arrival;
}
