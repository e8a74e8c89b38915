// The sign that a consultation is recorded, for who looks at it from outside: on its card and before the way in.

import { h, icon, setText } from "../dom.js";
import { t } from "../i18n.js";

export class RecordedSign {
  constructor() {
    this.element = h("span", { class: ["sign", "recorded"], hidden: true }, icon("record"), h("span"));
  }

  /** `recording`: of the consultation, or null. */
  render(recording) {
    this.element.hidden = !recording;
    this.element.classList.toggle("rests", Boolean(recording?.paused_us));
    setText(this.element.lastElementChild, t(recording?.paused_us ? "card.rests" : "card.recorded"));
  }
}
