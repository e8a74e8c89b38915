// One place on the stage: a participant's picture, or word of why there is none, with its signs and its menu.

import { Note } from "../acts.js";
import { timeOfDay } from "../clock.js";
import { h, icon, setIcon, setLabel, setText } from "../dom.js";
import { t } from "../i18n.js";
import { cutMiddle } from "../names.js";
import { titleOf, whyOf } from "../said.js";
import { bars } from "../stats.js";
import { Watching } from "../watching.js";
import * as words from "../words.js";
import { isHeard, officeOf } from "./room.js";
import { seatState } from "./seatstate.js";

const ICONS = {
  connecting: "waiting", retrying: "waiting", frozen: "frozen", paused: "pause", still: "play", soundOnly: "sound",
  silent: "gone", offline: "gone", cameraOff: "camera-off", forbidden: "alert", cutOff: "camera-off", away: "gone",
  noCamera: "person", microphoneOnly: "person",
};
const pen = document.createElement("canvas").getContext("2d");

export class Seat {
  #watching = null;
  #source = "";
  #hasStill = false;
  #isOwn = false;
  #room = null;
  #seat = null;

  /** `desk`: {media, acts, own, now(), context, menu(participant, anchor, point), choose(key)}. */
  constructor(seat, desk) {
    this.key = seat.key;
    this.desk = desk;
    this.video = h("video", { autoplay: true, playsInline: true });
    this.still = h("canvas", { class: "still", hidden: true });
    this.capture = h("span", { class: ["capture", "numbers"], hidden: true });
    this.boxIcon = icon("waiting");
    this.boxTitle = h("div", { class: "title" });
    this.boxWhy = h("div", { class: ["why", "numbers"] });
    this.box = h("div", { class: "state" }, this.boxIcon, h("div", {}, this.boxTitle, this.boxWhy));
    this.tag = h("span", { class: "tag" });
    this.name = h("span", { class: "name" });
    this.office = h("span", { class: "office" });
    this.signs = { hand: this.#sign("hand"), word: this.#sign("word"), mic: this.#sign("mic-off") };
    this.bars = h("span", { class: "bars", role: "img" }, h("i"), h("i"), h("i"));
    this.more = h("button", { class: ["button", "bare", "seat-more"], type: "button" }, icon("more"));
    this.more.setAttribute("aria-haspopup", "menu");
    this.more.addEventListener("click", (event) => {
      event.stopPropagation();
      desk.menu(this, this.more);
    });
    this.note = new Note();
    const signs = Object.values(this.signs).map((sign) => sign.element);
    const who = h("div", { class: "seat-who" }, this.tag, this.name, this.office, signs, this.bars, this.more);
    this.element = h("div", { class: "seat", role: "button", tabIndex: 0, data: { key: seat.key } });
    this.element.append(this.still, this.video, this.box, this.capture, this.note.element, who);
    this.element.addEventListener("click", () => desk.choose(this.key));
    this.element.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      const { clientX: left, clientY: top } = event;
      desk.menu(this, this.more, { left, right: left + 1, top, bottom: top });
    });
    new ResizeObserver(() => this.#fitName()).observe(this.name);
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

  /** `seat` as `seatsOf` gives it, `box` where it stands, `hears` whether its sound is to be taken. */
  render({ seat, room, box, hears, away, chosen }) {
    this.#seat = seat;
    this.#room = room;
    this.#place(box, chosen);
    this.#watch(seat, room);
    this.#watching?.place({ seen: Boolean(box), big: Boolean(box) && !box.small, away });
    if (this.#watching && !this.#mutedByMe) this.#setHeard(hears);
    this.#renderWho();
    this.renderState();
    this.note.render(this.desk.acts.of(`participant:${seat.participant.id}`));
  }

  #mutedByMe = false;

  #setHeard(hears) {
    if (this.video.muted === !hears) return;
    this.#watching.setMuted(!hears);
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

  /** Twice a second or when something changed: what there is to see, since when, the time of capture. */
  renderState() {
    if (!this.#seat) return;
    const { participant } = this.#seat;
    const said = this.#watching ? this.#watching.said : null;
    const own = this.#isOwn ? this.#ownPicture() : null;
    const { state, since } = seatState({ participant, source: this.#record(), said, own });
    const { element } = this;
    element.dataset.state = state;
    this.box.hidden = state === "live";
    this.still.hidden = state === "live" || !this.#hasStill;
    if (state !== "live") {
      const error = this.#watching?.viewer.error ?? null;
      setIcon(this.boxIcon, ICONS[state]);
      setText(this.boxTitle, titleOf(state, error));
      const when = since ? t("state.since", { time: timeOfDay(since) }) : "";
      setText(this.boxWhy, [when, whyOf(state, error)].filter(Boolean).join(" · "));
    }
    const label = t("seat.label", { name: participant.name, state: state === "live" ? t("state.live") : this.boxTitle.textContent });
    if (element.getAttribute("aria-label") !== label) element.setAttribute("aria-label", label);
    this.#renderQuality(state);
    const capture = this.#watching?.capture(state) ?? null;
    this.capture.hidden = capture === null;
    if (capture) setText(this.capture, capture.text);
    this.capture.title = capture ? t(capture.exact ? "tile.capture" : "tile.captureAbout") : "";
  }

  onFrame(act) {
    this.video.requestVideoFrameCallback?.(act);
  }

  keepStill() {
    const { still, video } = this;
    if (!video.videoWidth) return false;
    still.width = video.videoWidth;
    still.height = video.videoHeight;
    still.getContext("2d").drawImage(video, 0, 0);
    this.#hasStill = true;
    return true;
  }

  #record() {
    const { source } = this.#seat;
    return source ? (this.#room.sources.get(source) ?? null) : null;
  }

  #ownPicture() {
    const part = this.#seat.source.endsWith(".screen") ? "screen" : "camera";
    return { on: this.desk.own.isOn(part), stream: this.desk.own.streamOf(part) };
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

  #renderWho() {
    const { participant } = this.#seat;
    const room = this.#room;
    const level = participant.level || "";
    this.tag.hidden = !level;
    if (level) setText(this.tag, t(`tag.${level}`));
    this.tag.dataset.level = level;
    this.#fitName();
    const office = officeOf(room, participant);
    this.office.hidden = !office;
    if (office) setText(this.office, t(`office.${office}`));
    this.#show(this.signs.hand, participant.hand_us > 0, "sign.hand");
    this.#show(this.signs.word, participant.word_us > 0, "sign.word");
    const quiet = participant.sound_off || !isHeard(room, participant);
    this.#show(this.signs.mic, quiet, participant.sound_off ? "sign.soundOff" : "sign.quiet");
    this.signs.mic.element.classList.toggle("cut", participant.sound_off);
    const speaks = room.speaker === participant.id || (room.levels[participant.id] ?? -127) > -45;
    this.element.classList.toggle("speaks", speaks && !quiet);
    setLabel(this.more, t("seat.more", { name: participant.name }));
  }

  #show(sign, shown, key) {
    sign.element.hidden = !shown;
    if (shown) setLabel(sign.element, t(key));
  }

  #sign(name) {
    return { element: h("span", { class: "seat-sign", role: "img", hidden: true }, icon(name)) };
  }

  #renderQuality(state) {
    const found = this.#watching?.figuresOf(state) ?? null;
    const audioOnly = this.#watching?.audioOnly ?? false;
    const quality = found ? bars({ ...found, audioOnly }) : 0;
    this.bars.hidden = !this.#watching;
    this.bars.dataset.bars = String(quality);
    const figures = found ? [
      words.size(found), words.frameRate(found.framesPerSecond), words.bitrate(found.bitsPerSecond),
      t("figure.loss", { value: words.percent(found.loss) }), t("figure.delay", { value: words.milliseconds(found.delayMs) }),
    ] : [];
    setLabel(this.bars, [t(`quality.${quality}`), ...figures].join("\n"));
  }

  #fitName() {
    const full = this.#seat ? this.#seat.participant.name : "";
    const style = getComputedStyle(this.name);
    pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    setText(this.name, cutMiddle(full, this.name.clientWidth || 120, (text) => pen.measureText(text).width));
    if (this.name.title !== full) this.name.title = full;
  }
}
