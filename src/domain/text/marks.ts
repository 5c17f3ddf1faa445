/** The symbols that begin a line and say how it stands. Only a line that we begin may begin with one. */

/** Ours are ✔ ✖ ! ? → · –; with them whatever else a reader may take for one. */
const MARK = "(?:[!?·–—•‼！？]|(?![+<=>|~])[\\p{So}\\p{Sm}])";
/** A combining character before it is hardly seen. */
const BEGINS = new RegExp(`^\\p{M}*${MARK}`, "u");
const BEFORE_A_BLANK = new RegExp(`${MARK}\\p{M}*(?: |$)`, "u");

/** Stands before foreign text that would begin a line as we do. */
export const GOES_ON = "… ";

export function beginsWithMark(text: string): boolean {
  return BEGINS.test(text);
}

/** Whether a line could look like one of ours if it began somewhere in this text. */
export function holdsMark(text: string): boolean {
  return BEFORE_A_BLANK.test(text);
}
