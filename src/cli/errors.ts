/** Errors of usage and configuration: what is wrong, and what to type instead. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** Ctrl-C at a question, where the terminal sends no signal. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
}

/** Anything with a hint was made for people; everything else is a bug. */
export function hintOf(error: unknown): string | null {
  if (error instanceof Error && "hint" in error && typeof error.hint === "string")
    return error.hint;
  return null;
}
