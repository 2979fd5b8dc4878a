import type { BackupProgress, OnProgress } from "./progress.ts";

const EVERY_MS = 1_000;
const CLEAR_LINE = "\r\u001b[2K";

/**
 * Shows progress on `output`: on a terminal one line that is renewed each second, elsewhere one line for each step.
 * `wholeBytes` is the size of the file that is read, where it is known.
 */
export function progressLine(
  output: NodeJS.WritableStream & { readonly isTTY?: boolean },
  wholeBytes: number | null,
): { readonly onProgress: OnProgress; end(): void } {
  const startedAt = performance.now();
  const isTerminal = output.isTTY === true;
  let shownAt = startedAt;
  let step: BackupProgress["step"] | null = null;
  return {
    onProgress(progress) {
      const now = performance.now();
      const isNewStep = progress.step !== step;
      step = progress.step;
      if (!isNewStep && (!isTerminal || now - shownAt < EVERY_MS)) return;
      shownAt = now;
      const text = describe(progress, (now - startedAt) / 1000, wholeBytes);
      output.write(isTerminal ? `${CLEAR_LINE}${text}` : `${text}\n`);
    },
    end() {
      if (isTerminal) output.write(CLEAR_LINE);
    },
  };
}

function describe(progress: BackupProgress, seconds: number, wholeBytes: number | null): string {
  const megabytes = progress.bytes / 1e6;
  const rate = seconds > 0 ? megabytes / seconds : 0;
  // The file is a little longer than its content, by the seals of its chunks.
  const isKnown = wholeBytes !== null && wholeBytes > 0 && progress.step !== "done";
  const share = isKnown ? `${Math.min(99, Math.floor((100 * progress.bytes) / wholeBytes))} %  ` : "";
  return (
    `${progress.step.padEnd(6)}${share}${progress.rows} rows  ${progress.blobs} objects  ` +
    `${megabytes.toFixed(1)} MB  ${rate.toFixed(1)} MB/s`
  );
}
