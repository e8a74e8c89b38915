// What is said over the strip where somebody points, or where a keyboard stands: the time, what is there, its picture.

import { h, set, setText } from "../dom.js";

export class StripTip {
  constructor() {
    this.picture = h("canvas", { width: 192, height: 108, hidden: true });
    this.words = h("div", { class: "numbers" });
    this.element = h("div", { class: "strip-tip", hidden: true }, this.picture, this.words);
  }

  /** `x` of `width`, in pixels; `picture`: a bitmap, null: on its way, undefined: there is none. */
  show({ x, width, words, picture }) {
    setText(this.words, words);
    set(this.element, { hidden: false });
    set(this.picture, { hidden: picture === undefined });
    if (picture) this.#draw(picture);
    else if (picture === null) this.picture.getContext("2d").clearRect(0, 0, this.picture.width, this.picture.height);
    const own = this.element.offsetWidth;
    this.element.style.left = `${Math.max(0, Math.min(x - own / 2, width - own))}px`;
  }

  hide() {
    set(this.element, { hidden: true });
  }

  #draw(picture) {
    set(this.picture, { width: picture.width, height: picture.height });
    this.picture.getContext("2d").drawImage(picture, 0, 0);
  }
}
