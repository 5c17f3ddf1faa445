/** Visitors who hang up: nobody's failure, and a kind of their own in the metrics. */

/** Of the request in metrics and logs; no visitor ever sees it. */
export const CLIENT_GONE_STATUS = 499;

/** The body of the request broke off, which only its sender can bring about. */
export class ClientGoneError extends Error {
  override readonly name = "ClientGoneError";
}

export function clientGoneAnswer(): Response {
  return new Response(null, { status: CLIENT_GONE_STATUS });
}

/**
 * After a `pipeTo` that failed: whether its source had. The runtime has the same words for either end;
 * but a source whose sink failed has been cancelled, and ends, while one that failed goes on failing.
 */
export function isBroken(source: ReadableStream): Promise<boolean> {
  return source
    .getReader()
    .read()
    .then(
      () => false,
      () => true,
    );
}
