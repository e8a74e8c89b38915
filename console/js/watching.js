// One source being watched: what is asked of the server, what came of it, and what can be said about it.

import { timeOfDay } from "./clock.js";
import { isAudioOnly } from "./names.js";
import { decide, isCameraOff } from "./state.js";
import { Viewer } from "./viewer.js";
import { isLess, wanted } from "./wanted.js";

/** Samples come once a second; a frame seen by the last one still counts as moving until the next is overdue. */
const NEXT_SAMPLE_MS = 1500;
/** A picture without room for so long is shown as stills: shorter troubles pass by themselves. */
const HELD_MS = 3000;
/** What is no longer wanted is kept for this long: who scrolls on, or looks at one picture shortly, comes back. */
const KEEP_MS = 3000;
/** States in which figures tell something: otherwise they would be of a picture that is not there. */
const MEASURED = new Set(["live", "frozen", "soundOnly"]);

export class Watching {
  #place = { seen: false, big: false, aside: false, away: false, rank: 0 };
  #size = { width: 0, height: 0 };
  #frameAt = null;
  #pausedAt = 0;
  #linkLostAt = null;
  #heldAt = 0;
  #noRoomAt = 0;
  #cameraOffAt = 0;
  #stillAt = null;
  #heldUtc = null;
  #takenAt = null;
  #ends = [];
  #captureOffset = null;
  #captureExact = true;
  #settling = 0;
  #link = "closed";

  /**
   * `source`: the record; `picture`: {video, keepStill(), showStill(image, width, height), onFrame(act)}
   * it is shown on; `media`, `context` as Viewer;
   * `now()`: server UTC in ms; `changed()` when `said` may differ.
   */
  constructor({ source, picture, media, context, now, changed }) {
    this.source = source;
    this.picture = picture;
    this.now = now;
    this.changed = changed;
    this.context = context;
    this.thin = media.thin;
    this.#ends = [media.thin.listen(() => this.#turnedThin()), media.stills.join(this)];
    this.viewer = new Viewer({ media, source: source.id, context, changed: () => this.#linkChanged() });
    picture.video.srcObject = this.viewer.stream;
    this.sized = new ResizeObserver(([{ contentRect }]) => {
      // On a page that is left for another it plays on for a while, for who comes back.
      if (contentRect.width > 0) this.#size = contentRect;
      this.#show();
    });
    this.sized.observe(picture.video);
  }

  get muted() {
    return this.picture.video.muted;
  }

  get paused() {
    return this.#pausedAt !== 0;
  }

  get big() {
    return this.#place.big;
  }

  get audioOnly() {
    return isAudioOnly(this.source) && !isCameraOff(this.source);
  }

  /** {state, since} as `decide` says. */
  get said() {
    return decide(this.#facts(), this.now());
  }

  /** How much it matters, as Line has it. */
  get rank() {
    return this.#place.rank;
  }

  /** A still is to be fetched from time to time: by choice, or because the link has no room for more. */
  get wantsStill() {
    if (this.paused || this.viewer.refused || this.source.state !== "live") return false;
    const held = this.#noRoomAt !== 0 && this.now() - this.#noRoomAt > HELD_MS;
    return this.#thin === "stills" || (this.thin.mode === "auto" && held && this.viewer.asks.video);
  }

  /** Show a still that was fetched, taken at `takenMs` of server UTC. */
  showStill(bitmap, takenMs) {
    this.picture.showStill(bitmap, bitmap.width, bitmap.height);
    this.#takenAt = takenMs;
    this.changed();
  }

  /** Figures of what is shown, null when there is nothing to measure. */
  figuresOf(state) {
    return MEASURED.has(state) ? this.viewer.figures : null;
  }

  update(source) {
    this.source = source;
    if (isCameraOff(source)) this.#cameraOffAt ||= this.now();
    else this.#cameraOffAt = 0;
    this.#settle();
  }

  dispose() {
    for (const end of this.#ends) end();
    clearTimeout(this.#settling);
    this.sized.disconnect();
    this.viewer.changed = () => {};
    this.viewer.close();
    this.picture.video.srcObject = null;
  }

  setMuted(muted) {
    this.picture.video.muted = muted;
    this.#settle();
  }

  togglePause() {
    this.#pausedAt = this.#pausedAt ? 0 : this.now();
    this.#settle();
  }

  /** Where it is now: any of {seen, big, aside, away}, as `wanted` understands them, and `rank` as `Line` does. */
  place(change) {
    Object.assign(this.#place, change);
    this.#settle();
  }

  /** Once a second, by `Media.measure`: figures, and whether the picture moves. */
  measured(sample) {
    const fresh = this.viewer.measured(sample, (captureUtc) => this.now() - captureUtc);
    if (fresh) this.#frameAt = this.now();
    const capture = this.viewer.figures?.capture;
    if (capture && (fresh || this.audioOnly)) {
      this.#captureOffset = capture.utc - this.now();
      this.#captureExact = capture.exact;
    }
  }

  /** Loudness 0-1 of what is heard now. */
  loudness() {
    return this.said.state === "live" ? this.viewer.loudness() : 0;
  }

  /**
   * Capture time of what is shown, {text, exact}, or null before it is known. It runs between samples while the picture
   * does, and stands when it stands.
   */
  capture(state) {
    if (state === "stills" || state === "soundMode") return null;
    if (this.#captureOffset !== null) {
      const now = this.now();
      const moving = state === "live" && (this.audioOnly || now - this.#frameAt < NEXT_SAMPLE_MS);
      const shownAt = moving ? now : this.audioOnly ? null : this.#frameAt;
      if (shownAt) this.#heldUtc = shownAt + this.#captureOffset;
    }
    if (this.#heldUtc === null) return null;
    const exact = this.#captureExact;
    return { text: (exact ? "" : "≈ ") + timeOfDay(this.#heldUtc), exact };
  }

  #facts() {
    return {
      source: this.source,
      asks: this.viewer.asks,
      link: this.viewer.link,
      refused: this.viewer.refused,
      held: this.viewer.held,
      heldAt: this.#heldAt,
      noRoomAt: this.#noRoomAt,
      pausedAt: this.#pausedAt,
      stillAt: this.#stillAt,
      frameAt: this.#frameAt,
      linkLostAt: this.#linkLostAt,
      audioOnly: this.audioOnly,
      cameraOffAt: this.#cameraOffAt,
      thin: this.#thin,
      takenAt: this.#takenAt,
    };
  }

  /** "stills" or "sound" where there is a picture to see, and by choice it is not taken. */
  get #thin() {
    const { seen, big, aside, away } = this.#place;
    const shown = (seen || big) && !aside && !away && (this.source.tracks ?? []).includes("video");
    return shown && !this.thin.moves ? this.thin.mode : "";
  }

  #turnedThin() {
    this.#takenAt = null;
    this.#settle();
    this.changed();
  }

  /** Ask for more at once, and for less when that has lasted, or when there is nothing yet to lose. */
  #settle() {
    clearTimeout(this.#settling);
    const { paused, muted, source } = this;
    const tracks = source.state === "offline" ? [] : (source.tracks ?? []);
    const { moves } = this.thin;
    const asks = wanted(this.#place, { paused, muted, tracks, moves });
    const lasts = isLess(asks, this.viewer.asks) && this.viewer.link === "connected" && !paused && moves;
    if (lasts) this.#settling = setTimeout(() => this.#watch(asks), KEEP_MS);
    else this.#watch(asks);
    this.#show();
  }

  #show() {
    const [width, height] = [this.#size.width, this.#size.height].map((side) => Math.round(side * devicePixelRatio));
    this.viewer.show({ width, height, rank: this.#place.rank });
  }

  #watch(asks) {
    const before = this.viewer.asks;
    if (asks.video === before.video && asks.audio === before.audio) return;
    if (before.video && !asks.video) this.#keepStill();
    if (asks.video && !before.video) this.#awaitFrame();
    this.#linkLostAt = null;
    this.viewer.watch(asks);
  }

  #linkChanged() {
    const { video } = this.picture;
    if (video.srcObject !== this.viewer.stream) video.srcObject = this.viewer.stream;
    const { link } = this.viewer;
    if (link !== this.#link) {
      if (link === "connected") {
        this.#linkLostAt = null;
        this.#awaitFrame();
      }
      if (link === "retrying" && this.#linkLostAt === null) {
        this.#linkLostAt = this.now();
        this.#keepStill();
      }
      this.#link = link;
    }
    if (this.viewer.held) this.#heldAt ||= this.now();
    else this.#heldAt = 0;
    this.#roomChanged();
    this.changed();
  }

  /** A picture for which there is no room stands as it was; when there is room again, it waits for the first frame. */
  #roomChanged() {
    const { noRoom } = this.viewer;
    if (noRoom === (this.#noRoomAt !== 0)) return;
    this.#noRoomAt = noRoom ? this.now() : 0;
    this.#takenAt = null;
    if (noRoom) this.#keepStill();
    else this.#awaitFrame();
  }

  /** Samples come once a second; that there is a picture at all is said when it is seen. */
  #awaitFrame() {
    this.#frameAt = null;
    this.picture.onFrame(() => {
      if (this.#frameAt !== null) return;
      this.#frameAt = this.now();
      this.changed();
    });
  }

  #keepStill() {
    if (this.picture.keepStill()) this.#stillAt = this.now();
  }
}
