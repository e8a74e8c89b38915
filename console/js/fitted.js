// A name that is cut in the middle where there is no room for all of it. It asks for no layout: the browser tells the
// width when it has one, before it paints.

import { cutMiddle } from "./names.js";

const pen = document.createElement("canvas").getContext("2d");

export class FittedName {
  #full = "";
  #width = 0;
  #font = "";

  /** `element` holds the name; `show(text, full)` puts it there. */
  constructor(element, show) {
    this.show = show;
    const resized = new ResizeObserver(([{ contentRect }]) => {
      const { fontWeight, fontSize, fontFamily } = getComputedStyle(element);
      this.#width = contentRect.width;
      this.#font = `${fontWeight} ${fontSize} ${fontFamily}`;
      this.#fit();
    });
    resized.observe(element);
  }

  set(full) {
    if (full === this.#full) return;
    this.#full = full;
    this.#fit();
  }

  #fit() {
    const full = this.#full;
    pen.font = this.#font;
    const fits = this.#width > 0 ? cutMiddle(full, this.#width, (text) => pen.measureText(text).width) : full;
    this.show(fits, full);
  }
}
