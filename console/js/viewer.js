// Watches one source over the page's media connection: its lines, its stream, and its figures once a second.

import { figures } from "./stats.js";

const HISTORY = 120;
const KINDS = ["video", "audio"];
const NOTHING = { video: false, audio: false };

export class Viewer {
  #lines = { video: null, audio: null };
  #before = null;

  /** `media` gives the lines; `context` the right by which; `changed()` when `link` or `error` did. */
  constructor({ media, source, context = "", changed }) {
    this.media = media;
    this.source = source;
    this.context = context;
    this.changed = changed;
    /** What there is to play; another one with each picture that begins. */
    this.stream = new MediaStream();
    /** How large the picture is shown, as Line wants it; null before that is known. */
    this.shown = null;
    this.figures = null;
    /** What is asked for: {video, audio}. */
    this.asks = NOTHING;
    /** The last two minutes, newest last: {bitsPerSecond, loss, delayMs}. */
    this.history = [];
  }

  /** What is taken now. */
  get lines() {
    return KINDS.map((kind) => this.#lines[kind]).filter(Boolean);
  }

  /** "closed" when nothing is asked for, else "connecting", "connected" or "retrying". */
  get link() {
    const states = this.lines.map((line) => line.state);
    if (states.length === 0) return "closed";
    if (states.some((state) => state === "open" || state === "paused")) return "connected";
    return states.includes("retrying") || states.includes("closed") ? "retrying" : "connecting";
  }

  /** Why nothing comes, {code, refused}, or null. */
  get error() {
    const broken = this.lines.find((line) => line.code);
    return broken ? { code: broken.code, refused: broken.state === "closed" } : null;
  }

  /** The server does not let us watch, and asking again changes nothing. */
  get refused() {
    return this.error?.code === "forbidden";
  }

  /** The server holds the picture back. */
  get held() {
    return this.#lines.video?.state === "paused";
  }

  /** The server holds the picture back because the link has no room for it. */
  get noRoom() {
    return this.#lines.video?.noRoom ?? false;
  }

  /** The picture is shown so large now, {width, height, rank}. */
  show(shown) {
    this.shown = shown;
    this.#lines.video?.show(shown);
  }

  /** Ask for {video, audio}; what goes on is not touched. */
  watch(asks) {
    if (KINDS.every((kind) => this.asks[kind] === asks[kind])) return;
    this.asks = { ...asks };
    for (const kind of KINDS) {
      if (asks[kind] && !this.#lines[kind]) this.#take(kind);
      else if (!asks[kind] && this.#lines[kind]) this.#release(kind);
    }
    this.#play();
    this.changed();
  }

  close() {
    this.watch(NOTHING);
  }

  /**
   * Take what was measured (a sample of stats.js, or null); `delay(captureUtc)`: age of a capture in ms. True if new
   * frames came.
   */
  measured(now, delay) {
    if (!now || this.link !== "connected") {
      this.figures = this.#before = null;
      return false;
    }
    const found = figures(now, this.#before);
    this.#before = now;
    found.delayMs = found.capture ? Math.max(0, delay(found.capture.utc)) : null;
    found.carried = this.#lines.video?.carried ?? null;
    this.figures = found;
    this.history.push({ bitsPerSecond: found.bitsPerSecond, loss: found.loss, delayMs: found.delayMs });
    if (this.history.length > HISTORY) this.history.shift();
    return found.newFrames > 0;
  }

  /** Loudness of the sound being received, 0-1. */
  loudness() {
    return this.#lines.audio?.loudness() ?? 0;
  }

  #take(kind) {
    this.#lines[kind] = this.media.take(this.source, kind, this.context, () => {
      this.#play();
      this.changed();
    });
    if (kind === "video" && this.shown) this.#lines.video.show(this.shown);
  }

  #release(kind) {
    const line = this.#lines[kind];
    this.#lines[kind] = null;
    this.#before = null;
    this.media.release(line);
  }

  /**
   * Let the stream have the tracks there are and no others. A picture begins a stream of its own, because a browser
   * smooths the frames of a picture only that was there when its element was given the stream; but a sound that plays
   * is not interrupted for that.
   */
  #play() {
    const tracks = this.lines.map((line) => line.track).filter(Boolean);
    const had = this.stream.getTracks();
    const begins = tracks.some((track) => track.kind === "video" && !had.includes(track));
    if (begins && !tracks.some((track) => track.kind === "audio" && had.includes(track))) {
      this.stream = new MediaStream(tracks);
      return;
    }
    for (const track of had) if (!tracks.includes(track)) this.stream.removeTrack(track);
    for (const track of tracks) if (!had.includes(track)) this.stream.addTrack(track);
  }
}
