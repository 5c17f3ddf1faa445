/** How much of a body is read before anybody has signed for it. */
import { expect, it, vi } from "vitest";
import { MAX_STOP_BYTES } from "../../src/domain/signed-stop/message.ts";
import { admitStop } from "../../worker/stop/admission.ts";

/** Of chunks of 1 KiB; without a length, as a client may send it. */
function requestOf(chunks: number) {
  const sent = vi.fn();
  const cancel = vi.fn();
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        sent();
        if (sent.mock.calls.length > chunks) controller.close();
        else controller.enqueue(new Uint8Array(1_024));
      },
      cancel,
    },
    { highWaterMark: 0 },
  );
  const init = { method: "POST", body, duplex: "half" };
  return { request: new Request("https://api.pix.immo/qa/stop", init), sent, cancel };
}

const signer = vi.fn(async () => null);
const door = {
  signatures: { signer },
  environment: "production",
  now: () => 0,
};

it("a body that never ends is read to its limit, and nobody is asked who signed it", async () => {
  const { request, sent, cancel } = requestOf(Number.POSITIVE_INFINITY);
  expect(await admitStop(request, undefined, door)).toEqual({ kind: "too-large" });
  expect(sent).toHaveBeenCalledTimes(MAX_STOP_BYTES / 1_024 + 1);
  expect(cancel).toHaveBeenCalledOnce();
  expect(signer).not.toHaveBeenCalled();
});

it("a body of just the limit is read whole", async () => {
  const { request } = requestOf(MAX_STOP_BYTES / 1_024);
  expect(await admitStop(request, undefined, door)).toEqual({ kind: "refused" });
  expect(signer).toHaveBeenCalledOnce();
});
