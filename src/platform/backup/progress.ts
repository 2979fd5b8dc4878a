/** How far a backup or restore has come. */
export type BackupProgress = {
  readonly step: "rows" | "blobs" | "done";
  readonly rows: number;
  readonly blobs: number;
  /** Bytes of the backup written or read so far, before encryption. */
  readonly bytes: number;
};

export type OnProgress = (progress: BackupProgress) => void;

/** Counts for the one who watches; called often, so whoever shows it picks its moments. */
export class ProgressCounter {
  readonly #onProgress: OnProgress | undefined;
  #step: BackupProgress["step"] = "rows";
  #rows = 0;
  #blobs = 0;
  #bytes = 0;

  constructor(onProgress: OnProgress | undefined) {
    this.#onProgress = onProgress;
  }

  add(added: { readonly rows?: number; readonly blobs?: number; readonly bytes?: number }): void {
    this.#rows += added.rows ?? 0;
    this.#blobs += added.blobs ?? 0;
    this.#bytes += added.bytes ?? 0;
    this.#tell();
  }

  enter(step: BackupProgress["step"]): void {
    this.#step = step;
    this.#tell();
  }

  #tell(): void {
    this.#onProgress?.({ step: this.#step, rows: this.#rows, blobs: this.#blobs, bytes: this.#bytes });
  }
}
