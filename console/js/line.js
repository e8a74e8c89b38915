// One line of the page's media connection as the views use it: what became of it, and how it is shown.

const UNSEEN = { width: 0, height: 0, rank: 0 };

/** One thing taken or published. `state`: "connecting", "open", "paused", "closed" or "retrying"; `code`: why. */
export class Line {
  constructor(media, handle, changed) {
    this.media = media;
    this.handle = handle;
    this.changed = changed;
    this.flow = "";
    this.flowCode = "";
    /** How large it is shown, in pixels of the screen, and how much it matters: 0 one of many, 1 more, 2 most. */
    this.shown = UNSEEN;
    /** What the link carries of a picture, {layer, layers, slowed: with fewer frames}; null while that is not known. */
    this.carried = null;
    /** The server pauses the picture because the link has no room for it. */
    this.noRoom = false;
  }

  get track() {
    return this.handle.track;
  }

  get code() {
    return this.flowCode || (this.media.state === "retrying" ? this.media.code : "");
  }

  get state() {
    if (this.media.state === "retrying") return "retrying";
    if (this.flow === "closed") return "closed";
    if (!this.handle.track || this.media.state !== "connected") return "connecting";
    return this.flow === "paused" ? "paused" : "open";
  }

  /** It is shown so large now, and matters so much: {width, height, rank}. */
  show(shown) {
    if (Object.keys(UNSEEN).every((name) => shown[name] === this.shown[name])) return;
    this.shown = shown;
    this.media.resized();
  }

  /** What the server says that the link carries of it, null: not known any more. */
  carries(told) {
    const noRoom = told?.held === "no-room";
    this.carried = told && { layer: told.layer, layers: told.layers, slowed: told.slowed };
    if (noRoom === this.noRoom) return;
    this.noRoom = noRoom;
    this.changed();
  }

  loudness() {
    return this.media.connection.loudness(this.handle);
  }
}
