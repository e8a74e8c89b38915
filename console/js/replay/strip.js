// The strip of time under the pictures: a lane for each source, what is there and what is not, what happened above, the
// position across. It is a slider: pressed, dragged, by wheel closer or farther.

import { dateOf, timeOfDay } from "../clock.js";
import { h, set, setAria, setText } from "../dom.js";
import { t } from "../i18n.js";
import { atOf } from "./events.js";
import { AXIS_PX, Drawing, EVENTS_PX } from "./stripdrawing.js";
import { StripTip } from "./striptip.js";
import { Thumbs, pointedOf } from "./thumbs.js";

const LEAST_US = 20e6;
const ZOOM = 1.3;

export class Strip {
  #view = null;
  #drag = false;
  #shown = null;
  #pointed = null;

  /** `seek(us)`; `pictures`: {get(us), want(times), spans()} of the tile that is looked at. */
  constructor({ seek, pictures }) {
    this.seek = seek;
    this.pictures = pictures;
    this.canvas = h("canvas", { class: "strip", role: "slider", tabIndex: 0 });
    this.names = h("ul", { class: "strip-names", "aria-hidden": "true" });
    this.tip = new StripTip();
    this.thumbs = new Thumbs();
    this.place = h("div", { class: "strip-place" }, this.canvas);
    const right = h("div", { class: "strip-right" }, this.thumbs.canvas, this.place, this.tip.element);
    this.element = h("div", { class: "replay-strip" }, this.names, right);
    this.drawing = new Drawing(this.canvas);
    for (const canvas of [this.canvas, this.thumbs.canvas]) {
      canvas.addEventListener("pointerdown", (event) => this.#press(event));
      canvas.addEventListener("pointermove", (event) => this.#move(event));
      canvas.addEventListener("pointerup", () => this.#release());
      canvas.addEventListener("pointercancel", () => this.#release());
      canvas.addEventListener("pointerleave", () => this.#point(null));
      canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    }
    for (const name of ["focus", "blur"]) this.canvas.addEventListener(name, () => this.#shown && this.#tell());
    new ResizeObserver(() => this.#shown && this.#draw()).observe(this.place);
  }

  /** Closer (`way` 1) or farther (-1) around the position. */
  zoom(way) {
    this.#zoomAt(this.#shown.us, way > 0 ? 2 : 1 / 2);
  }

  /** `shown`: {us, fromUs, toUs, live, lanes: [{name, courses, t0, t1, turns, speaks}], events, wordsOf(entry)}. */
  render(shown) {
    this.#shown = shown;
    const time = `${dateOf(shown.us / 1000)} ${timeOfDay(shown.us / 1000)}`;
    setAria(this.canvas, {
      label: t("replay.strip"), valuemin: Math.round(shown.fromUs / 1e6), valuemax: Math.round(shown.toUs / 1e6),
      valuenow: Math.round(shown.us / 1e6), valuetext: time,
    });
    while (this.names.children.length < shown.lanes.length) this.names.append(h("li"));
    while (this.names.children.length > shown.lanes.length) this.names.lastChild.remove();
    for (const [index, lane] of shown.lanes.entries()) {
      setText(this.names.children[index], lane.name);
      set(this.names.children[index], { title: lane.name });
      this.names.children[index].classList.toggle("speaks", lane.speaks);
    }
    this.#follow();
    this.#draw();
  }

  /** The whole, or a part that goes along with the position. */
  #follow() {
    const { us, fromUs, toUs } = this.#shown;
    if (!this.#view) return;
    const long = this.#view.toUs - this.#view.fromUs;
    if (long >= toUs - fromUs) {
      this.#view = null;
      return;
    }
    const isOut = us < this.#view.fromUs || us > this.#view.toUs;
    const from = isOut && !this.#drag ? us - long / 5 : this.#view.fromUs;
    const bounded = Math.min(Math.max(from, fromUs), toUs - long);
    this.#view = { fromUs: bounded, toUs: bounded + long };
  }

  /** From when to when it shows. */
  get visible() {
    return this.#range;
  }

  get #range() {
    return this.#view ?? this.#shown;
  }

  #usAt(event) {
    const { fromUs, toUs } = this.#range;
    const box = this.canvas.getBoundingClientRect();
    const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return Math.round(fromUs + part * (toUs - fromUs));
  }

  #press(event) {
    if (event.button !== 0 || !this.#shown) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    this.#drag = true;
    this.seek(this.#usAt(event));
  }

  #move(event) {
    if (!this.#shown) return;
    const us = this.#usAt(event);
    if (this.#drag) this.seek(us);
    this.#point({ us, y: event.offsetY, isLane: event.currentTarget === this.canvas });
  }

  #point(pointed) {
    this.#pointed = pointed;
    if (!this.#shown) return;
    this.#tell();
    this.#drawThumbs();
  }

  /** Say what is where somebody points; where a keyboard stands, what is at the position. */
  #tell() {
    const isHere = this.canvas.matches(":focus-visible");
    if (!this.#pointed && !isHere) {
      this.tip.hide();
      return;
    }
    const { us } = this.#pointed ?? this.#shown;
    const more = this.#pointed ? this.#wordsAt(this.#pointed) : "";
    const at = this.#pictureAt(us);
    const picture = at === null ? undefined : this.pictures.get(at);
    const words = [timeOfDay(us / 1000), more].filter(Boolean).join(" · ");
    this.tip.show({ x: this.drawing.x(us), width: this.drawing.size.width, words, picture });
  }

  #wordsAt({ us, y, isLane }) {
    const near = this.#shown.events.find((entry) => Math.abs(this.drawing.x(atOf(entry)) - this.drawing.x(us)) < 4);
    if (near) return this.#shown.wordsOf(near);
    const { lanes } = this.#shown;
    const part = (y - EVENTS_PX) / (this.drawing.size.height - EVENTS_PX - AXIS_PX);
    const lane = isLane ? lanes[Math.floor(part * lanes.length)] : null;
    const turn = lane?.turns.find(({ fromUs, toUs }) => fromUs <= us && us <= toUs);
    if (!turn) return "";
    const [begun, over] = [turn.fromUs, turn.toUs].map((at) => timeOfDay(at / 1000));
    return t("replay.spoke", { name: lane.name, begun, over });
  }

  /** The time of the small picture for `us`, null where there is none. */
  #pictureAt(us) {
    const { fromUs, toUs } = this.#range;
    const spans = this.pictures.spans();
    return spans && pointedOf(us, (toUs - fromUs) / Math.max(1, this.drawing.size.width), this.#shown.fromUs, spans);
  }

  /** The row of small pictures, and what is still to be fetched of it and of what is pointed at. */
  #drawThumbs() {
    const { fromUs: originUs, toUs: endUs, live } = this.#shown;
    const found = this.pictures.spans();
    const spans = found ?? [];
    this.element.classList.toggle("plain", !found);
    const { fromUs, toUs } = this.#range;
    const view = { fromUs, toUs, originUs, endUs, width: this.drawing.size.width, live, spans };
    this.thumbs.draw(view, (us) => this.pictures.get(us), (us) => this.drawing.x(us), this.drawing.colours.ground);
    const us = this.#pointed?.us ?? (this.canvas.matches(":focus-visible") ? this.#shown.us : null);
    const pointed = us === null ? null : this.#pictureAt(us);
    const rest = this.thumbs.wanted.map((each) => ({ us: each, patient: true }));
    this.pictures.want(pointed === null ? rest : [{ us: pointed, patient: false }, ...rest]);
    if (us !== null) this.#tell();
  }

  #release() {
    this.#drag = false;
  }

  #wheel(event) {
    if (!this.#shown || event.deltaY === 0) return;
    event.preventDefault();
    this.#zoomAt(this.#usAt(event), event.deltaY < 0 ? ZOOM : 1 / ZOOM);
  }

  #zoomAt(us, factor) {
    const { fromUs, toUs } = this.#range;
    const long = Math.max(LEAST_US, (toUs - fromUs) / factor);
    const part = (us - fromUs) / Math.max(1, toUs - fromUs);
    this.#view = { fromUs: us - part * long, toUs: us - part * long + long };
    this.#follow();
    this.#draw();
  }

  #draw() {
    this.drawing.draw(this.#shown, this.#range);
    this.#drawThumbs();
  }
}
