// One place on the stage: a participant's picture, or word of why there is none, with its signs and its menu.

import { Note } from "../acts.js";
import { h, icon, set, setAria, setIcon, setText } from "../dom.js";
import { t } from "../i18n.js";
import { Meter } from "../meter.js";
import { titleOf, whyOf } from "../said.js";
import { Watching } from "../watching.js";
import { seatState } from "./seatstate.js";
import { SeatWho } from "./seatwho.js";

const ICONS = {
  connecting: "waiting", retrying: "waiting", frozen: "frozen", paused: "pause", still: "play", soundOnly: "sound",
  silent: "gone", offline: "gone", cameraOff: "camera-off", forbidden: "alert", cutOff: "camera-off", away: "gone",
  noRoom: "thin", stills: "thin", soundMode: "sound",
  noCamera: "person", microphoneOnly: "person", audioOnly: "sound", ownOff: "person",
  ownSound: "person", soundCut: "mic-off",
};

export class Seat {
  #watching = null;
  #source = "";
  #hasStill = false;
  #isOwn = false;
  #room = null;
  #seat = null;

  /** `desk`: {media, acts, own, now(), context, menu(seat, anchor, point), choose(key),
   * refused() when the browser lets no sound out}. */
  constructor(seat, desk) {
    this.key = seat.key;
    this.desk = desk;
    this.video = h("video", { autoplay: true, playsInline: true });
    this.still = h("canvas", { class: "still", hidden: true });
    this.level = h("canvas", { class: "level", hidden: true });
    this.meter = new Meter(this.level);
    this.capture = h("span", { class: ["capture", "numbers"], hidden: true });
    this.boxIcon = icon("waiting");
    this.boxTitle = h("div", { class: "title" });
    this.boxWhy = h("div", { class: ["why", "numbers"] });
    this.box = h("div", { class: "state" }, this.boxIcon, h("div", {}, this.boxTitle, this.boxWhy));
    this.who = new SeatWho(() => desk.menu(this, this.who.more));
    this.note = new Note();
    this.element = h("div", { class: "seat", role: "button", tabIndex: 0, data: { key: seat.key } });
    this.element.append(this.still, this.video, this.level, this.box, this.capture);
    this.element.append(this.note.element, this.who.element);
    this.element.addEventListener("click", () => desk.choose(this.key));
    this.element.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      const { clientX: left, clientY: top } = event;
      desk.menu(this, this.who.more, { left, right: left + 1, top, bottom: top });
    });
  }

  get participant() {
    return this.#seat?.participant ?? null;
  }

  get watching() {
    return this.#watching;
  }

  get muted() {
    return this.video.muted;
  }

  setMuted(muted) {
    if (this.#watching) this.#watching.setMuted(muted);
    this.renderState();
  }

  togglePause() {
    this.#watching?.togglePause();
    this.renderState();
  }

  /** `seat` as `seatsOf` gives it, `box` where it stands, `hears` whether its sound is to be taken, `rank` as Line. */
  render({ seat, room, box, hears, away, chosen, rank }) {
    this.#seat = seat;
    this.#room = room;
    this.#place(box, chosen);
    this.#watch(seat, room);
    this.#watching?.place({ seen: Boolean(box), big: Boolean(box) && !box.small, away, rank });
    if (this.#watching && !this.#mutedByMe) this.#setHeard(hears);
    this.element.classList.toggle("speaks", this.who.render(seat.participant, room, this.#record()?.recording ?? null));
    this.renderState();
    this.note.render(this.desk.acts.of(`participant:${seat.participant.id}`));
  }

  #mutedByMe = false;

  #setHeard(hears) {
    if (this.video.muted === !hears) return;
    this.#watching.setMuted(!hears);
    if (!hears) return;
    const refused = (error) => error.name === "NotAllowedError" && this.desk.refused();
    this.video.play().catch(refused);
  }

  /** Silence this one here, for me alone. */
  silence(silent) {
    this.#mutedByMe = silent;
    this.setMuted(silent);
  }

  get silenced() {
    return this.#mutedByMe;
  }

  dispose() {
    this.#watching?.dispose();
    this.#watching = null;
    this.video.srcObject = null;
  }

  /** There is nothing else to see than how loud it is. */
  get isLively() {
    return !this.level.hidden;
  }

  /** Ten times a second, while it is lively. */
  beat() {
    if (this.isLively) this.meter.push(this.#watching?.loudness() ?? 0);
  }

  /** Once a second or when something changed: what there is to see, since when, the time of capture. */
  renderState() {
    if (!this.#seat) return;
    const { participant } = this.#seat;
    const said = this.#watching ? this.#watching.said : null;
    const own = this.#isOwn ? this.#ownPicture() : null;
    const { state, since } = seatState({ participant, source: this.#record(), said, own });
    const { element } = this;
    set(element.dataset, { state });
    set(this.box, { hidden: state === "live" });
    set(this.still, { hidden: state === "live" || !this.#hasStill });
    set(this.level, { hidden: state !== "audioOnly" });
    if (state !== "live") {
      const error = this.#watching?.viewer.error ?? null;
      setIcon(this.boxIcon, ICONS[state]);
      setText(this.boxTitle, titleOf(state, error, since));
      setText(this.boxWhy, whyOf(state, error, since));
    }
    const shown = state === "live" ? t("state.live") : this.boxTitle.textContent;
    const label = t("seat.label", { name: participant.name, state: shown });
    setAria(element, { label });
    const audioOnly = this.#watching?.audioOnly ?? false;
    // What has no picture is measured and dated all the same.
    const plays = state === "audioOnly" ? "live" : state;
    this.who.renderQuality(this.#watching?.figuresOf(plays) ?? null, { audioOnly, shown: this.#watching !== null });
    const capture = this.#watching?.capture(plays) ?? null;
    const title = capture ? t(capture.exact ? "tile.capture" : "tile.captureAbout") : "";
    set(this.capture, { hidden: capture === null, title });
    if (capture) setText(this.capture, capture.text);
  }

  onFrame(act) {
    this.video.requestVideoFrameCallback?.(act);
  }

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

  #record() {
    const { source } = this.#seat;
    return source ? (this.#room.sources.get(source) ?? null) : null;
  }

  #ownPicture() {
    const part = this.#seat.source.endsWith(".screen") ? "screen" : "camera";
    const { own } = this.desk;
    return { on: own.isOn(part), heard: own.isOn("microphone"), stream: own.streamOf(part) };
  }

  #place(box, chosen) {
    const { element } = this;
    element.hidden = !box;
    element.classList.toggle("small", Boolean(box?.small));
    element.classList.toggle("tiny", Boolean(box) && box.width < 200);
    element.classList.toggle("chosen", chosen);
    element.setAttribute("aria-pressed", String(chosen));
    if (!box) return;
    for (const side of ["left", "top", "width", "height"]) element.style[side] = `${box[side]}px`;
    element.style.setProperty("--who", `${box.line}px`);
  }

  /** Watch the source there is now; my own picture is shown as it leaves, without the way round. */
  #watch(seat, room) {
    const record = this.#record();
    const { own } = this.desk;
    this.#isOwn = room.own !== null && seat.participant.id === room.own.id && (!seat.source || own.isMine(seat.source));
    const wanted = this.#isOwn || !record ? "" : seat.source;
    if (wanted !== this.#source) {
      this.#watching?.dispose();
      this.#watching = null;
      this.#source = wanted;
      if (wanted) this.#begin(record);
    }
    if (this.#isOwn) {
      const { stream } = this.#ownPicture();
      this.video.muted = true;
      if (this.video.srcObject !== stream) this.video.srcObject = stream;
    } else if (record) this.#watching.update(record);
    this.element.classList.toggle("own", this.#isOwn && !seat.source.endsWith(".screen"));
  }

  #begin(record) {
    const { media, context, now } = this.desk;
    this.video.muted = true;
    this.#hasStill = false;
    const changed = () => this.renderState();
    this.#watching = new Watching({ source: record, picture: this, media, context, now, changed });
  }
}
