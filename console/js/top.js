// The bar at the top: link to the server, time, what I publish, the acts.

import { dateOf, timeOfDay } from "./clock.js";
import { h, icon, setIcon, setLabel, setText } from "./dom.js";
import { language, t } from "./i18n.js";
import * as words from "./words.js";

export class Top {
  /** `acts`: {publish, stop, muteAll, theme, language, keys}, each called without arguments. */
  constructor(element, acts) {
    const button = (name, picture) => {
      const looks = ["button", picture ? "bare" : null, name];
      const made = h("button", { class: looks, type: "button", on: { click: acts[name] } });
      if (picture) made.append(icon(picture));
      return made;
    };
    this.count = h("span", { class: ["count", "numbers"] });
    this.brand = h("span");
    // The seconds that count down are beside what a screen reader says, or it would never stop speaking.
    this.linkWords = h("span", { class: "numbers", role: "status" });
    this.linkAgain = h("span", { class: "numbers" });
    this.link = h("div", { class: "link" }, h("span", { class: "lamp" }), this.linkWords, this.linkAgain);
    this.airWords = h("span", { class: ["words", "numbers"] });
    this.stop = button("stop");
    this.air = h("div", { class: "onair", hidden: true }, this.airWords, this.stop);
    this.date = h("span", { class: ["date", "soft", "numbers"] });
    this.time = h("span", { class: ["time", "numbers"] });
    this.zone = h("span", { class: ["soft", "small"] });
    this.publishWords = h("span");
    this.publish = button("publish");
    this.publish.classList.add("main");
    this.publish.append(icon("camera"), this.publishWords);
    this.muteAll = button("muteAll", "muted");
    this.theme = button("theme", "theme");
    this.language = button("language");
    this.language.classList.add("bare");
    this.keys = button("keys", "keys");
    element.append(
      h("h1", { class: "brand" }, icon("mark"), this.brand),
      this.count,
      this.link,
      this.air,
      h("div", { class: "now" }, this.date, this.time, this.zone),
      h("div", { class: "acts" }, this.publish, this.muteAll, this.theme, this.language, this.keys),
    );
  }

  /** `view`: {now, link, lostAt, retryInMs, total, live, heard, publishing: {state, name, since, retryInMs}}. */
  render(view) {
    setText(this.brand, t("app.name"));
    setText(this.count, t("top.count", { total: view.total, live: view.live }));
    this.link.dataset.link = view.link;
    setText(this.linkWords, t(`link.${view.link}`, { time: timeOfDay(view.lostAt) }));
    setText(this.linkAgain, this.#againWords(view));
    setText(this.date, dateOf(view.now));
    setText(this.time, timeOfDay(view.now));
    setText(this.zone, t("top.zone"));
    const why = t("top.zone.why");
    if (this.time.title !== why) this.time.title = why;
    this.#renderActs(view);
    this.#renderAir(view);
  }

  #againWords(view) {
    if (view.link !== "lost") return "";
    const seconds = Math.ceil(view.retryInMs / 1000);
    return seconds > 0 ? t("link.again", { seconds }) : t("link.trying");
  }

  #renderActs(view) {
    setText(this.publishWords, t("top.publish"));
    this.publish.disabled = view.publishing.state !== "off";
    this.publish.title = view.publishing.state === "off" ? t("top.publish.why") : t("top.publish.already");
    setLabel(this.muteAll, t(view.heard ? "top.muteAll" : "top.muteAll.already"));
    this.muteAll.setAttribute("aria-disabled", String(!view.heard));
    setIcon(this.muteAll.firstElementChild, view.heard ? "sound" : "muted");
    setLabel(this.theme, t("top.theme"));
    setText(this.language, t("top.otherLanguage"));
    this.language.lang = language() === "zh" ? "en" : "zh-CN";
    setLabel(this.keys, t("top.keys"));
  }

  #renderAir({ publishing, now }) {
    this.air.hidden = publishing.state === "off";
    if (publishing.state === "off") return;
    this.air.dataset.publish = publishing.state;
    const seconds = Math.ceil(publishing.retryInMs / 1000);
    const time = words.duration(now - publishing.since);
    setText(this.airWords, t(`publish.${publishing.state}`, { name: publishing.name, time, seconds }));
    this.airWords.title = publishing.name;
    setText(this.stop, t("publish.stop"));
  }
}
