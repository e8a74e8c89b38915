// How large what the page takes is shown, and how much it matters: what the server has yet to be told of it. Pure.

export class Sizes {
  #connection = 0;
  #told = new Map();

  /**
   * Of `lines`, {mid, handle, shown: {width, height, rank, slow}} of a connection, those to tell now, as the server
   * reads them: what differs from what it was told, and what is another handle's. `handle` is what the line carries.
   */
  news(connection, lines) {
    if (connection !== this.#connection) this.#told.clear();
    this.#connection = connection;
    const known = new Map(this.#told);
    this.#told = new Map(lines.map((line) => [line.mid, line]));
    return lines.filter((line) => differs(line, known.get(line.mid))).map(({ mid, shown }) => ({ mid, ...shown }));
  }
}

function differs({ handle, shown }, before) {
  if (before?.handle !== handle) return true;
  return ["width", "height", "rank", "slow"].some((name) => shown[name] !== before.shown[name]);
}
