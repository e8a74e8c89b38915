// How one source looks on the wall: its elements, and what is shown on them. Decides nothing.

import { h, icon, set, setAria, setIcon, setLabel, setText } from "./dom.js";
import { t } from "./i18n.js";
import { FittedName } from "./fitted.js";
import { nameOf, tagOf } from "./names.js";
import { bars } from "./stats.js";
import { titleOf, whyOf } from "./said.js";
import * as words from "./words.js";

const ICONS = {
  connecting: "waiting", retrying: "waiting", frozen: "frozen", paused: "pause", still: "play", soundOnly: "sound",
  silent: "gone", offline: "gone", cameraOff: "camera-off", forbidden: "alert", cutOff: "camera-off",
  noRoom: "thin", stills: "thin", soundMode: "sound",
};

export class Face {
  #hasStill = false;

  /** `acts`: {enlarge, mute, pause}, each called without arguments. */
  constructor(id, acts) {
    const button = (name, act) =>
      h("button", { class: ["button", "bare", name], type: "button", on: { click: act } }, icon(name));
    this.video = h("video", { autoplay: true, playsInline: true, muted: true });
    this.meter = h("canvas", { hidden: true });
    this.still = h("canvas", { class: "still", hidden: true });
    this.capture = h("span", { class: ["capture", "numbers"], hidden: true });
    this.boxIcon = icon("waiting");
    this.boxTitle = h("div", { class: "title" });
    this.boxWhy = h("div", { class: ["why", "numbers"] });
    this.tag = h("span", { class: "tag" });
    this.name = h("span", { class: "name" }, h("span", { "aria-hidden": "true" }), h("span", { class: "spoken" }));
    this.bars = h("span", { class: "bars", role: "img" }, h("i"), h("i"), h("i"));
    this.figures = h("div", { class: ["figures", "numbers"] });
    this.recorded = h("span", { class: ["sign", "recorded"], role: "img", hidden: true }, icon("record"));
    this.mute = button("muted", acts.mute);
    this.mute.classList.add("mute");
    this.pause = button("pause", acts.pause);
    this.enlarge = button("enlarge", acts.enlarge);
    this.box = h("div", { class: "state" }, this.boxIcon, h("div", {}, this.boxTitle, this.boxWhy));
    this.picture = h(
      "div",
      { class: "picture", role: "button", tabIndex: 0, on: { click: acts.enlarge } },
      // The still lies under the video: it is seen exactly while the video has nothing to show.
      this.still, this.video, this.meter, this.box, this.capture,
    );
    const told = [this.tag, this.name, this.recorded, this.bars];
    const who = h("div", { class: "who" }, told, this.mute, this.pause, this.enlarge);
    const foot = h("div", { class: "foot" }, who, this.figures);
    this.element = h("article", { class: "tile", role: "listitem", data: { id } }, this.picture, foot);
    this.fitted = new FittedName(this.name, (shown, full) => {
      setText(this.name.firstElementChild, shown);
      this.name.title = full;
      setText(this.name.lastElementChild, full);
    });
  }

  /** `view`: {source, state, since, error, audioOnly, muted, paused, big, figures or null}. */
  render(view) {
    set(this.element.dataset, { state: view.state });
    set(this.still, { hidden: view.state === "live" || !this.#hasStill });
    set(this.meter, { hidden: !view.audioOnly });
    this.#renderState(view);
    const tag = tagOf(view.source);
    setText(this.tag, t(`tag.${tag}`));
    set(this.tag.dataset, { level: tag });
    this.fitted.set(nameOf(view.source));
    this.#renderRecorded(view.source);
    this.#renderActs(view);
    this.#renderFigures(view);
  }

  /** Show when the picture was taken, {text, exact}, or nothing. */
  renderClock(capture) {
    set(this.capture, { hidden: capture === null });
    if (capture === null) return;
    setText(this.capture, capture.text);
    const title = t(capture.exact ? "tile.capture" : "tile.captureAbout");
    set(this.capture, { title });
  }

  /** Call `act` when the video shows its next frame; never in browsers that cannot tell. */
  onFrame(act) {
    this.video.requestVideoFrameCallback?.(act);
  }

  /** Keep what the video shows now, for when it shows nothing; true if it showed something. */
  keepStill() {
    const { video } = this;
    if (!video.videoWidth) return false;
    this.showStill(video, video.videoWidth, video.videoHeight);
    return true;
  }

  /** Show a picture of this size while the video shows nothing. */
  showStill(image, width, height) {
    const { still } = this;
    set(still, { width, height });
    still.getContext("2d").drawImage(image, 0, 0);
    this.#hasStill = true;
  }

  #renderRecorded({ recording }) {
    set(this.recorded, { hidden: !recording });
    this.recorded.classList.toggle("rests", Boolean(recording?.paused_us));
    setLabel(this.recorded, t(recording?.paused_us ? "card.rests" : "card.recorded"));
  }

  #renderState({ state, since, error }) {
    set(this.box, { hidden: state === "live" });
    if (state === "live") return;
    setIcon(this.boxIcon, ICONS[state]);
    setText(this.boxTitle, titleOf(state, error, since));
    setText(this.boxWhy, whyOf(state, error, since));
  }

  #renderActs({ source, state, since, error, audioOnly, muted, paused, big }) {
    setIcon(this.mute.firstElementChild, muted ? "muted" : "sound");
    setLabel(this.mute, t(muted ? "tile.unmute" : "tile.mute"));
    setAria(this.mute, { pressed: !muted });
    setIcon(this.pause.firstElementChild, paused ? "play" : "pause");
    setLabel(this.pause, t(paused ? "tile.resume" : "tile.pause"));
    setIcon(this.enlarge.firstElementChild, big ? "reduce" : "enlarge");
    setLabel(this.enlarge, t(big ? "tile.reduce" : "tile.enlarge"));
    const said = state === "live" ? t(audioOnly ? "state.liveSound" : "state.live") : titleOf(state, error, since);
    const label = t("tile.label", { name: nameOf(source), state: said });
    setAria(this.picture, { label });
  }

  #renderFigures({ figures, audioOnly }) {
    const quality = figures ? bars({ ...figures, audioOnly }) : 0;
    set(this.bars.dataset, { bars: String(quality) });
    setLabel(this.bars, t(`quality.${quality}`));
    const shown = figures ? figureWords(figures, audioOnly) : [];
    const line = this.figures;
    while (line.children.length > shown.length) line.lastElementChild.remove();
    shown.forEach(([text, bad], index) => {
      const item = line.children[index] ?? line.appendChild(h("span"));
      setText(item, text);
      item.classList.toggle("bad", bad);
    });
  }
}

function figureWords(found, audioOnly) {
  const picture = [[words.size(found), false], [words.frameRate(found.framesPerSecond), false]];
  return [
    [(audioOnly ? found.audioCodec : found.videoCodec) ?? "–", false],
    ...(audioOnly ? [] : picture),
    ...(words.slowed(found) ? [[words.slowed(found), true]] : []),
    ...(words.layer(found) ? [[words.layer(found), false]] : []),
    [words.bitrate(found.bitsPerSecond), false],
    [t("figure.loss", { value: words.percent(found.loss) }), (found.loss ?? 0) > 0.01],
    [t("figure.delay", { value: words.milliseconds(found.delayMs) }), (found.delayMs ?? 0) > 400],
  ];
}
