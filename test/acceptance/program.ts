/** The frame of a program that `isolate.ts` runs in workerd. */

/** What a program's `fetch` does: reads the order, answers the result, and says what it threw. */
export function programOf<Order, Result>(
  run: (order: Order) => Promise<Result>,
): { fetch(request: Request): Promise<Response> } {
  return {
    async fetch(request) {
      try {
        return Response.json(await run((await request.json()) as Order));
      } catch (error) {
        return new Response(error instanceof Error ? error.stack : String(error), { status: 500 });
      }
    },
  };
}
