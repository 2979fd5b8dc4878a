/** Bytes that came in pieces and are taken in lengths of another cut. Keeps the pieces it is given. */
export class ByteQueue {
  #pieces: Buffer[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(piece: Uint8Array): void {
    if (piece.byteLength === 0) return;
    this.#pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
    this.#length += piece.byteLength;
  }

  /** The next `length` bytes, which must be there; a view where one piece holds them. */
  take(length: number): Buffer {
    const parts: Buffer[] = [];
    let used = 0;
    for (let missing = length; missing > 0;) {
      const piece = this.#pieces[used];
      if (piece === undefined) throw new RangeError(`${length} bytes were asked of ${this.#length}`);
      parts.push(piece.subarray(0, missing));
      if (piece.length > missing) this.#pieces[used] = piece.subarray(missing);
      else used++;
      missing -= Math.min(missing, piece.length);
    }
    this.#pieces.splice(0, used);
    this.#length -= length;
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
  }
}
