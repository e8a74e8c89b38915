// The context of a consultation: participants and text messages, one behind the other.

import { h, setBadge, setText } from "../dom.js";
import { t } from "../i18n.js";
import { People } from "./people.js";
import { Texts } from "./texts.js";

const TABS = ["people", "texts"];

export class Side {
  #tab = "people";
  #calls = 0;

  constructor(desk) {
    this.people = new People(desk);
    this.texts = new Texts(desk, () => this.#renderTabs());
    this.panels = { people: this.people.element, texts: this.texts.element };
    this.tabs = TABS.map((name) => this.#makeTab(name));
    const tabs = h("div", { class: "tabs", role: "tablist" }, this.tabs.map((tab) => tab.button));
    this.element = h("div", { class: "side" }, tabs, Object.values(this.panels));
    for (const name of TABS) {
      this.panels[name].id = `panel-${name}`;
      this.panels[name].setAttribute("role", "tabpanel");
    }
    this.show("people");
  }

  /** How many wait to be let in or ask for the word. */
  get calls() {
    return this.#calls;
  }

  show(tab) {
    this.#tab = tab;
    for (const name of TABS) this.panels[name].hidden = name !== tab;
    this.texts.setShown(tab === "texts");
    this.#renderTabs();
  }

  update(room) {
    this.people.update(room);
    this.texts.update(room);
    this.#calls = room.waiting.length + room.hands.length;
    this.present = room.present.length;
    this.#renderTabs();
  }

  #renderTabs() {
    if (!this.tabs) return;
    const counts = { people: this.#calls, texts: Math.max(0, this.texts.unread) };
    for (const { name, button, words, badge } of this.tabs) {
      setText(words, t(`side.${name}`, { n: this.present ?? 0 }));
      setBadge(badge, counts[name], t(`side.${name}.badge`, { n: counts[name] }));
      button.setAttribute("aria-selected", String(name === this.#tab));
      button.tabIndex = name === this.#tab ? 0 : -1;
    }
  }

  #makeTab(name) {
    const words = h("span");
    const badge = h("span", { class: ["badge", "numbers"], hidden: true });
    const button = h("button", { class: "tab", type: "button", role: "tab" }, words, badge);
    button.setAttribute("aria-controls", `panel-${name}`);
    button.addEventListener("click", () => this.show(name));
    button.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      event.preventDefault();
      event.stopPropagation();
      this.show(name === "people" ? "texts" : "people");
      this.tabs.find((tab) => tab.name === this.#tab).button.focus();
    });
    return { name, button, words, badge };
  }
}
