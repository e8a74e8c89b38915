// Text messages of a consultation: read, write, and how many came while nobody looked.

import { Note } from "../acts.js";
import { timeOfDay } from "../clock.js";
import { h, icon, setLabel, setText } from "../dom.js";
import { t } from "../i18n.js";
import { List } from "../list.js";

const ABOUT = "text";
/** This near to the end somebody reads along, and is taken along. */
const NEAR_PX = 48;

export class Texts {
  #seen = 0;
  #shown = false;
  #messages = [];

  /** `desk`: {acts, id, me}; `counted()` when `unread` changed. */
  constructor(desk, counted) {
    this.desk = desk;
    this.counted = counted;
    this.rows = h("ol", { class: "messages", tabIndex: 0, role: "log" });
    this.empty = h("p", { class: ["soft", "none"] });
    this.input = h("textarea", { rows: 2, maxLength: 2000 });
    this.send = h("button", { class: ["button", "main"], type: "submit" }, icon("send"));
    this.note = new Note();
    const form = h("form", { class: "write" }, this.input, this.send);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#say();
    });
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#say();
    });
    this.element = h("div", { class: "texts" }, this.empty, this.rows, this.note.element, form);
    this.list = new List(this.rows, (message) => this.#row(message));
  }

  get unread() {
    return this.#messages.filter((one) => one.person !== this.desk.me).length - this.#seen;
  }

  /** Whether the panel is in view now. */
  setShown(shown) {
    this.#shown = shown;
    this.#read();
    if (shown) this.rows.scrollTop = this.rows.scrollHeight;
  }

  update(room) {
    const { rows } = this;
    const atEnd = rows.scrollHeight - rows.scrollTop - rows.clientHeight < NEAR_PX;
    this.#messages = room.messages;
    this.empty.hidden = room.messages.length > 0;
    this.list.show(room.messages);
    if (atEnd) rows.scrollTop = rows.scrollHeight;
    this.#read();
    this.render();
  }

  render() {
    setText(this.empty, t("text.none"));
    this.rows.setAttribute("aria-label", t("text.label"));
    this.input.placeholder = t("text.write");
    this.input.setAttribute("aria-label", t("text.write"));
    setLabel(this.send, t("text.send"));
    this.note.render(this.desk.acts.of(ABOUT));
  }

  #read() {
    if (this.#shown) this.#seen += this.unread;
    this.counted();
  }

  async #say() {
    const text = this.input.value.trim();
    // Pressed again while it is on its way, it would be said twice.
    if (!text || this.desk.acts.of(ABOUT)?.state === "sent") return;
    const done = await this.desk.acts.run(ABOUT, "message.say", { consultation: this.desk.id, text });
    // What was refused stays, to be mended or sent again.
    if (done && this.input.value.trim() === text) this.input.value = "";
  }

  #row(message) {
    const who = h("strong");
    const when = h("time", { class: ["soft", "small", "numbers"] });
    const words = h("p");
    const element = h("li", { class: ["message", message.person === this.desk.me && "mine"] });
    element.append(h("div", { class: "message-head" }, who, when), words);
    return {
      element,
      render: (one) => {
        setText(who, one.name);
        setText(when, timeOfDay(one.at_us / 1000));
        setText(words, one.text);
      },
    };
  }
}
