/** Finds a secret in bytes, also in part, encoded or escaped. (AT-19) */

/** No two of these share a run of this many characters, and no ordinary text holds one. */
const WINDOW = 12;

/** Without the shape of a Cloudflare token: nothing may depend on recognising one. */
export const API_SECRET = "q7ZtWm3xKcV9sLd2RfHb8NyJ4PgT6uEa1oXi";
export const QA_SECRET = "Yh5Gk0BvQe7Uw2MzCj9SrXl4DnFp8TaIo3c";

/** Where and in which form a secret shows; empty when none does. */
export function leaks(
  places: Readonly<Record<string, string>>,
  secrets: readonly string[] = [API_SECRET, QA_SECRET],
): string[] {
  const needles = secrets.flatMap(needlesOf);
  return Object.entries(places).flatMap(([place, text]) => {
    const found = needles.find(({ needle }) => text.includes(needle));
    return found === undefined ? [] : [`${place}: ${found.form} of ${found.secret.slice(0, 3)}…`];
  });
}

function needlesOf(secret: string): { secret: string; form: string; needle: string }[] {
  const parts = Array.from({ length: secret.length - WINDOW + 1 }, (_, at) =>
    secret.slice(at, at + WINDOW),
  );
  const bytes = Buffer.from(secret);
  // Base64 has three alignments; the outer characters depend on the neighbours.
  const base64 = [0, 1, 2].map((pad) =>
    Buffer.concat([Buffer.alloc(pad), bytes])
      .toString("base64")
      .slice(4, -4),
  );
  const reversed = [...secret].reverse().join("");
  return [
    ...parts.map((needle) => ({ secret, form: "part", needle })),
    ...base64.map((needle) => ({ secret, form: "base64", needle })),
    { secret, form: "hex", needle: bytes.toString("hex") },
    { secret, form: "reversed", needle: reversed },
  ];
}
