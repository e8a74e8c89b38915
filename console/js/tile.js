// One source on the wall: the facts about it, what it asks the server for, and its few acts.

import { timeOfDay } from "./clock.js";
import { Face } from "./face.js";
import { Meter } from "./meter.js";
import { isAudioOnly } from "./names.js";
import { decide, isCameraOff } from "./state.js";
import { Viewer } from "./viewer.js";
import { isLess, wanted } from "./wanted.js";

/** Samples come once a second; a frame seen by the last one still counts as moving until the next is overdue. */
const NEXT_SAMPLE_MS = 1500;
/** What is no longer wanted is kept for this long: who scrolls on, or looks at one picture shortly, comes back. */
const KEEP_MS = 3000;
/** States in which figures tell something: otherwise they would be of a picture that is not there. */
const MEASURED = new Set(["live", "frozen", "cameraOff"]);

export class Tile {
  #place = { seen: false, big: false, aside: false, away: false };
  #frameAt = null;
  #pausedAt = 0;
  #linkLostAt = null;
  #linkError = null;
  #cameraOffAt = 0;
  #stillAt = null;
  #heldUtc = null;
  #captureOffset = null;
  #captureExact = true;
  #settling = 0;

  /** `acts`: {enlarge(tile), now() server UTC in ms}. */
  constructor(source, acts) {
    this.source = source;
    this.acts = acts;
    this.face = new Face(source.id, {
      enlarge: () => acts.enlarge(this),
      mute: () => this.setMuted(!this.muted),
      pause: () => this.togglePause(),
    });
    this.meter = new Meter(this.face.meter);
    this.viewer = new Viewer(source.id, (state, error) => this.#linkChanged(state, error));
    this.face.video.srcObject = this.viewer.stream;
  }

  get element() {
    return this.face.element;
  }

  get picture() {
    return this.face.picture;
  }

  get muted() {
    return this.face.video.muted;
  }

  get paused() {
    return this.#pausedAt !== 0;
  }

  get state() {
    return this.element.dataset.state;
  }

  update(source) {
    this.source = source;
    if (isCameraOff(source)) this.#cameraOffAt ||= this.acts.now();
    else this.#cameraOffAt = 0;
    this.render();
  }

  dispose() {
    clearTimeout(this.#settling);
    this.viewer.close();
    this.element.remove();
  }

  setMuted(muted) {
    this.face.video.muted = muted;
    this.#settle();
    this.render();
  }

  togglePause() {
    this.#pausedAt = this.#pausedAt ? 0 : this.acts.now();
    this.#settle();
    this.render();
  }

  /** Where it is now: any of {seen, big, aside, away}, as `wanted` understands them. */
  place(change) {
    Object.assign(this.#place, change);
    this.element.classList.toggle("big", this.#place.big);
    this.#settle();
    this.render();
  }

  /** Once a second: figures and state. */
  async measure() {
    const fresh = await this.viewer.sample(this.#flowing(), (captureUtc) => this.acts.now() - captureUtc);
    if (fresh) this.#frameAt = this.acts.now();
    const capture = this.viewer.figures?.capture;
    if (capture && (fresh || this.#audioOnly())) {
      this.#captureOffset = capture.utc - this.acts.now();
      this.#captureExact = capture.exact;
    }
    this.render();
  }

  /** Ten times a second, for sources without a picture. */
  beat() {
    if (this.#audioOnly()) this.meter.push(this.state === "live" ? this.viewer.loudness() : 0);
  }

  render() {
    const { state, since } = decide(this.#facts(), this.acts.now());
    this.face.render({
      source: this.source,
      state,
      since,
      error: this.#linkError,
      audioOnly: this.#audioOnly(),
      muted: this.muted,
      paused: this.paused,
      big: this.#place.big,
      figures: MEASURED.has(state) ? this.viewer.figures : null,
    });
    this.renderClock();
  }

  /** The capture clock runs between samples while the picture does, and stands when it stands. */
  renderClock() {
    if (this.#captureOffset !== null) {
      const now = this.acts.now();
      const moving = this.state === "live" && (this.#audioOnly() || now - this.#frameAt < NEXT_SAMPLE_MS);
      const shownAt = moving ? now : this.#audioOnly() ? null : this.#frameAt;
      if (shownAt) this.#heldUtc = shownAt + this.#captureOffset;
    }
    this.face.renderClock(this.captureText(), this.#captureExact);
  }

  /** Capture time of what is shown, marked when it is only about right; null before it is known. */
  captureText() {
    if (this.#heldUtc === null) return null;
    return (this.#captureExact ? "" : "≈ ") + timeOfDay(this.#heldUtc);
  }

  #audioOnly() {
    return isAudioOnly(this.source);
  }

  /** What this tile lives on, "video" or "audio", if the server gets it; else null. */
  #flowing() {
    const kind = this.#audioOnly() || this.viewer.kind === "sound" ? "audio" : "video";
    const flows = (track) => track.kind === kind && track.bitrate_bps > 0;
    return this.source.state === "live" && (this.source.tracks ?? []).some(flows) ? kind : null;
  }

  #facts() {
    return {
      source: this.source,
      kind: this.viewer.kind,
      link: this.viewer.link,
      refused: this.viewer.refused,
      pausedAt: this.#pausedAt,
      stillAt: this.#stillAt,
      frameAt: this.#frameAt,
      linkLostAt: this.#linkLostAt,
      audioOnly: this.#audioOnly(),
      cameraOffAt: this.#cameraOffAt,
    };
  }

  /** Ask for more at once, and for less when that has lasted, or when there is nothing yet to lose. */
  #settle() {
    clearTimeout(this.#settling);
    const kind = wanted(this.#place, { paused: this.paused, muted: this.muted });
    const lasts = isLess(kind, this.viewer.kind) && this.viewer.link === "connected" && !this.paused;
    if (lasts) this.#settling = setTimeout(() => this.#watch(kind), KEEP_MS);
    else this.#watch(kind);
  }

  #watch(kind) {
    const before = this.viewer.kind;
    if (kind === before) return;
    if (before === "all") this.#keepStill();
    if (kind === "all") this.#frameAt = null;
    this.#linkLostAt = null;
    this.viewer.watch(kind);
    this.render();
  }

  #linkChanged(state, error) {
    this.#linkError = error;
    if (state === "connected") {
      this.#linkLostAt = null;
      this.#frameAt = null;
      this.face.onFrame(() => this.#firstFrame());
    }
    if (state === "retrying" && this.#linkLostAt === null) {
      this.#linkLostAt = this.acts.now();
      this.#keepStill();
    }
    this.render();
  }

  /** Samples come once a second; that there is a picture at all is said when it is seen. */
  #firstFrame() {
    if (this.#frameAt !== null) return;
    this.#frameAt = this.acts.now();
    this.render();
  }

  #keepStill() {
    if (this.face.keepStill()) this.#stillAt = this.acts.now();
  }
}
