// One source on the wall: how it looks, and that it is watched.

import { Face } from "./face.js";
import { Meter } from "./meter.js";
import { Watching } from "./watching.js";

export class Tile {
  /** `acts`: {enlarge(tile), now() server UTC in ms}; `media` as Viewer wants it. */
  constructor(source, { media, enlarge, now }) {
    this.now = now;
    this.face = new Face(source.id, {
      enlarge: () => enlarge(this),
      mute: () => this.setMuted(!this.muted),
      pause: () => this.togglePause(),
    });
    this.meter = new Meter(this.face.meter);
    const changed = () => this.render();
    this.watching = new Watching({ source, picture: this.face, media, context: "", now, changed });
  }

  get source() {
    return this.watching.source;
  }

  get viewer() {
    return this.watching.viewer;
  }

  get element() {
    return this.face.element;
  }

  get picture() {
    return this.face.picture;
  }

  get muted() {
    return this.watching.muted;
  }

  get state() {
    return this.element.dataset.state;
  }

  update(source) {
    this.watching.update(source);
    this.render();
  }

  dispose() {
    this.watching.dispose();
    this.element.remove();
  }

  setMuted(muted) {
    this.watching.setMuted(muted);
    this.render();
  }

  togglePause() {
    this.watching.togglePause();
    this.render();
  }

  place(change) {
    this.watching.place(change);
    this.element.classList.toggle("big", this.watching.big);
    this.render();
  }

  /** A source without a picture shows how loud it is. */
  get isLively() {
    return this.watching.audioOnly;
  }

  /** Ten times a second, while it is lively. */
  beat() {
    if (this.isLively) this.meter.push(this.watching.loudness());
  }

  render() {
    const { watching } = this;
    const { state, since } = watching.said;
    const { source, audioOnly, muted, paused, big } = watching;
    const figures = watching.figuresOf(state);
    const error = watching.viewer.error;
    this.face.render({ source, state, since, error, audioOnly, muted, paused, big, figures });
    this.renderClock();
  }

  renderClock() {
    this.face.renderClock(this.watching.capture(this.state));
  }

  captureText() {
    return this.watching.capture(this.state)?.text ?? null;
  }
}
