/** Reports on this machine, of incidents and drills: documents that people write in as well. */

/** Names are plain ones: no path. Methods throw LocalError. */
export interface ReportFolder {
  /** For people; as it was given. */
  readonly path: string;
  /** Of its files, in no order; none where there is no folder. */
  names(): Promise<string[]>;
  /** The whole of a document, byte for byte; null when it is not there. A link or no UTF-8 is an error. */
  read(name: string): Promise<string | null>;
  /**
   * At once, and on disk when it returns; the folder is made. `before` is what was read: an error when that is
   * not what is there now.
   */
  write(name: string, text: string, before: string | null): Promise<void>;
}

export interface ReportFolders {
  /**
   * Nothing is made before something is written. One that the operator has not `named` is refused when others
   * could have put it there, and what is in it.
   */
  at(path: string, from: { named: boolean }): ReportFolder;
}
