// One source on the wall: its picture, what is said on it, its figures and its few acts.

import { timeOfDay } from "./clock.js";
import { h, icon, setIcon, setLabel, setText } from "./dom.js";
import { t } from "./i18n.js";
import { Meter } from "./meter.js";
import { cutMiddle, isAudioOnly, tagOf } from "./names.js";
import { decide, isCameraOff } from "./state.js";
import { bars } from "./stats.js";
import { Viewer } from "./viewer.js";
import * as words from "./words.js";

const ICONS = {
  connecting: "waiting", retrying: "waiting", frozen: "frozen", paused: "pause",
  silent: "gone", offline: "gone", cameraOff: "camera-off", forbidden: "alert",
};
/** Samples come once a second; a frame seen by the last one still counts as moving until the next is overdue. */
const NEXT_SAMPLE_MS = 1500;
/** States in which figures tell something: otherwise they would be of a picture that is not there. */
const MEASURED = new Set(["live", "frozen", "cameraOff"]);
const pen = document.createElement("canvas").getContext("2d");

export class Tile {
  #frameAt = null;
  #pausedAt = 0;
  #linkLostAt = null;
  #cameraOffAt = 0;
  #heldUtc = null;
  #captureOffset = null;
  #captureExact = true;
  #hasStill = false;
  #parts;

  /** `acts`: {enlarge(tile), now() server UTC in ms}. */
  constructor(source, acts) {
    this.source = source;
    this.acts = acts;
    this.big = false;
    this.viewer = new Viewer(source.id, (state) => this.#linkChanged(state));
    this.element = this.#build();
    this.meter = new Meter(this.#parts.meter);
    this.#parts.video.srcObject = this.viewer.stream;
    new ResizeObserver(() => this.#fitName()).observe(this.#parts.name);
  }

  /** Begin to watch; not before the wall knows this tile and can end it. */
  start() {
    this.viewer.open();
    this.render();
  }

  get picture() {
    return this.#parts.picture;
  }

  get muted() {
    return this.#parts.video.muted;
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
    this.viewer.close();
    this.element.remove();
  }

  setMuted(muted) {
    this.#parts.video.muted = muted;
    this.render();
  }

  togglePause() {
    if (this.#pausedAt) {
      this.#pausedAt = 0;
      this.#frameAt = null;
      this.viewer.open();
    } else {
      this.#keepStill();
      this.#pausedAt = this.acts.now();
      this.viewer.close();
    }
    this.render();
  }

  setBig(big) {
    this.big = big;
    this.element.classList.toggle("big", big);
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
    const parts = this.#parts;
    const { state, since } = decide(this.#facts(), this.acts.now());
    const audioOnly = this.#audioOnly();
    this.element.dataset.state = state;
    parts.still.hidden = state === "live" || !this.#hasStill;
    parts.meter.hidden = !audioOnly;
    this.#renderState(state, since);
    this.renderClock();
    setText(parts.tag, t(`tag.${tagOf(this.source)}`));
    this.#fitName();
    this.#renderActs(state, audioOnly);
    this.#renderFigures(state, audioOnly);
  }

  /** The capture clock runs between samples while the picture does, and stands when it stands. */
  renderClock() {
    const { capture } = this.#parts;
    if (this.#captureOffset !== null) {
      const now = this.acts.now();
      const moving = this.state === "live" && (this.#audioOnly() || now - this.#frameAt < NEXT_SAMPLE_MS);
      const shownAt = moving ? now : this.#audioOnly() ? null : this.#frameAt;
      if (shownAt) this.#heldUtc = shownAt + this.#captureOffset;
    }
    const text = this.captureText();
    capture.hidden = text === null;
    if (text === null) return;
    setText(capture, text);
    const title = t(this.#captureExact ? "tile.capture" : "tile.captureAbout");
    if (capture.title !== title) capture.title = title;
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
    const kind = this.#audioOnly() ? "audio" : "video";
    const flows = (track) => track.kind === kind && track.bitrate_bps > 0;
    return this.source.state === "live" && (this.source.tracks ?? []).some(flows) ? kind : null;
  }

  #facts() {
    return {
      source: this.source,
      link: this.viewer.link,
      refused: this.viewer.refused,
      pausedAt: this.#pausedAt,
      frameAt: this.#frameAt,
      linkLostAt: this.#linkLostAt,
      audioOnly: this.#audioOnly(),
      cameraOffAt: this.#cameraOffAt,
    };
  }

  #linkChanged(state) {
    if (state === "connected") this.#linkLostAt = null;
    if (state === "retrying" && this.#linkLostAt === null) {
      this.#linkLostAt = this.acts.now();
      this.#keepStill();
    }
    if (this.element) this.render();
  }

  #keepStill() {
    const { still, video } = this.#parts;
    if (!video.videoWidth) return;
    still.width = video.videoWidth;
    still.height = video.videoHeight;
    still.getContext("2d").drawImage(video, 0, 0);
    this.#hasStill = true;
  }

  #renderState(state, since) {
    const { box, boxIcon, boxTitle, boxWhy } = this.#parts;
    box.hidden = state === "live";
    if (state === "live") return;
    setIcon(boxIcon, ICONS[state]);
    setText(boxTitle, t(`state.${state}`));
    const when = since ? t("state.since", { time: timeOfDay(since) }) : "";
    setText(boxWhy, [when, t(`state.${state}.why`)].filter(Boolean).join(" · "));
  }

  #fitName() {
    const { name } = this.#parts;
    const full = this.source.name || this.source.id;
    const style = getComputedStyle(name);
    pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    const shown = cutMiddle(full, name.clientWidth || 200, (text) => pen.measureText(text).width);
    setText(name.firstElementChild, shown);
    if (name.title !== full) {
      name.title = full;
      setText(name.lastElementChild, full);
    }
  }

  #renderActs(state, audioOnly) {
    const parts = this.#parts;
    const name = this.source.name || this.source.id;
    const muted = parts.video.muted;
    setIcon(parts.mute.firstElementChild, muted ? "muted" : "sound");
    setLabel(parts.mute, t(muted ? "tile.unmute" : "tile.mute"));
    parts.mute.setAttribute("aria-pressed", String(!muted));
    setIcon(parts.pause.firstElementChild, this.paused ? "play" : "pause");
    setLabel(parts.pause, t(this.paused ? "tile.resume" : "tile.pause"));
    setIcon(parts.enlarge.firstElementChild, this.big ? "reduce" : "enlarge");
    setLabel(parts.enlarge, t(this.big ? "tile.reduce" : "tile.enlarge"));
    const words = state === "live" ? t(audioOnly ? "state.liveSound" : "state.live") : t(`state.${state}`);
    const label = t("tile.label", { name, state: words });
    if (parts.picture.getAttribute("aria-label") !== label) parts.picture.setAttribute("aria-label", label);
  }

  #renderFigures(state, audioOnly) {
    const { bars: marks, figures: line } = this.#parts;
    const found = MEASURED.has(state) ? this.viewer.figures : null;
    const quality = found ? bars({ ...found, audioOnly }) : 0;
    marks.dataset.bars = String(quality);
    setLabel(marks, t(`quality.${quality}`));
    const shown = found ? this.#figureWords(found, audioOnly) : [];
    while (line.children.length > shown.length) line.lastElementChild.remove();
    shown.forEach(([text, bad], index) => {
      const item = line.children[index] ?? line.appendChild(h("span"));
      setText(item, text);
      item.classList.toggle("bad", bad);
    });
  }

  #figureWords(found, audioOnly) {
    const picture = [[words.size(found), false], [words.frameRate(found.framesPerSecond), false]];
    return [
      [(audioOnly ? found.audioCodec : found.videoCodec) ?? "–", false],
      ...(audioOnly ? [] : picture),
      [words.bitrate(found.bitsPerSecond), false],
      [t("figure.loss", { value: words.percent(found.loss) }), (found.loss ?? 0) > 0.01],
      [t("figure.delay", { value: words.milliseconds(found.delayMs) }), (found.delayMs ?? 0) > 400],
    ];
  }

  #build() {
    const button = (name, act) =>
      h("button", { class: ["button", "bare", name], type: "button", on: { click: act } }, icon(name));
    const enlarge = () => this.acts.enlarge(this);
    const parts = {
      video: h("video", { autoplay: true, playsInline: true, muted: true }),
      meter: h("canvas", { hidden: true }),
      still: h("canvas", { class: "still", hidden: true }),
      capture: h("span", { class: ["capture", "numbers"], hidden: true }),
      boxIcon: icon("waiting"),
      boxTitle: h("div", { class: "title" }),
      boxWhy: h("div", { class: ["why", "numbers"] }),
      tag: h("span", { class: "tag" }),
      name: h("span", { class: "name" }, h("span", { "aria-hidden": "true" }), h("span", { class: "spoken" })),
      bars: h("span", { class: "bars", role: "img" }, h("i"), h("i"), h("i")),
      figures: h("div", { class: ["figures", "numbers"] }),
      mute: button("muted", () => this.setMuted(!this.muted)),
      pause: button("pause", () => this.togglePause()),
      enlarge: button("enlarge", enlarge),
    };
    parts.mute.classList.add("mute");
    parts.box = h("div", { class: "state" }, parts.boxIcon, h("div", {}, parts.boxTitle, parts.boxWhy));
    parts.picture = h(
      "div",
      { class: "picture", role: "button", tabIndex: 0, on: { click: enlarge } },
      // The still lies under the video: it is seen exactly while the video has nothing to show.
      parts.still, parts.video, parts.meter, parts.box, parts.capture,
    );
    this.#parts = parts;
    const who = h("div", { class: "who" }, parts.tag, parts.name, parts.bars, parts.mute, parts.pause, parts.enlarge);
    const foot = h("div", { class: "foot" }, who, parts.figures);
    return h("article", { class: "tile", role: "listitem", data: { id: this.source.id } }, parts.picture, foot);
  }
}
