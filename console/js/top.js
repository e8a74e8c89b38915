// The bar at the top: where I am, how the link is, what time it is, who I am, and what belongs to the whole page.

import { dateOf, timeOfDay } from "./clock.js";
import { h, icon, set, setAria, setBadge, setIcon, setLabel, setText } from "./dom.js";
import { language, t } from "./i18n.js";
import { openMenu } from "./menu.js";
import * as words from "./words.js";

export class Top {
  /** `acts`: {left, right, stop, admin, muteAll, theme, language, keys, signOut}, and `modes()`: items of a menu. */
  constructor(element, acts) {
    this.acts = acts;
    const button = (name, picture) => {
      const looks = ["button", picture ? "bare" : null, name];
      const made = h("button", { class: looks, type: "button", on: { click: acts[name] } });
      if (picture) made.append(icon(picture));
      return made;
    };
    this.left = button("left", "tree");
    this.right = button("right", "panel");
    this.calls = h("span", { class: ["badge", "numbers"], hidden: true });
    this.right.append(this.calls);
    this.brandWords = h("span");
    this.brand = h("a", { class: "brand", href: "#/" }, icon("mark"), this.brandWords);
    this.title = h("h1", { class: "where" });
    // The seconds that count down, and figures, are beside what a screen reader says, or it would never stop speaking.
    this.linkWords = h("span", { class: "numbers", role: "status" });
    this.linkAgain = h("span", { class: "numbers" });
    this.link = h("div", { class: "link" }, h("span", { class: "lamp" }), this.linkWords, this.linkAgain);
    this.airWords = h("span", { class: ["words", "numbers"] });
    this.stop = button("stop");
    this.recorded = h("span", { class: ["sign", "recorded"], role: "img", hidden: true }, icon("record"));
    this.air = h("div", { class: "onair", hidden: true }, this.recorded, this.airWords, this.stop);
    this.date = h("span", { class: ["date", "soft", "numbers"] });
    this.time = h("span", { class: ["time", "numbers"] });
    this.zone = h("span", { class: ["soft", "small"] });
    this.meName = h("strong");
    this.meUnit = h("span", { class: ["soft", "small"] });
    this.me = h("div", { class: "me" }, this.meName, this.meUnit);
    this.admin = button("admin", "admin");
    this.muteAll = button("muteAll", "muted");
    this.mode = h("button", { class: ["button", "bare", "mode"], type: "button" }, icon("thin"));
    this.mode.setAttribute("aria-haspopup", "menu");
    this.mode.addEventListener("click", () => this.#openModes(this.mode));
    this.theme = button("theme", "theme");
    this.language = button("language");
    this.language.classList.add("bare");
    this.keys = button("keys", "keys");
    this.signOut = button("signOut", "leave");
    this.more = h("button", { class: ["button", "bare", "more"], type: "button" }, icon("more"));
    this.more.setAttribute("aria-haspopup", "menu");
    this.more.addEventListener("click", () => this.#openMore());
    const whole = [this.admin, this.muteAll, this.mode, this.theme, this.language, this.keys];
    const own = [...whole, this.signOut, this.more, this.right];
    element.append(
      this.left, this.brand, this.title, this.link, this.air,
      h("div", { class: "now" }, this.date, this.time, this.zone),
      this.me, h("div", { class: "acts" }, own),
    );
  }

  /**
   * `view`: {now, title, link, way: as Media, mode: as Thin, lostAt, retryInMs, heard, person, unit, sides: {left,
   * right}, calls, air: {state, name, since, recorded} or null, admin: whether there is anything to administer};
   * `person` null when nobody is signed in; `sides` null, or whether each is shown.
   */
  render(view) {
    setText(this.brandWords, t("app.name"));
    setAria(this.brand, { label: t("top.home") });
    setText(this.title, view.title);
    set(this.title, { title: view.title });
    this.#renderLink(view);
    setText(this.date, dateOf(view.now));
    setText(this.time, timeOfDay(view.now));
    setText(this.zone, t("top.zone"));
    set(this.time, { title: t("top.zone.why") });
    set(this.signOut, { hidden: !view.person });
    setText(this.meName, view.person?.name ?? "");
    setText(this.meUnit, view.unit);
    const title = [view.person?.name, view.person?.title, view.unit].filter(Boolean).join(" · ");
    set(this.me, { hidden: !view.person, title });
    this.#renderActs(view);
    this.#renderAir(view);
  }

  #renderLink(view) {
    set(this.link, { hidden: view.link === "none" });
    set(this.link.dataset, { link: view.link });
    if (view.link === "none") return;
    const { paused, slowed, loss = 0, repair } = view.way ?? {};
    const lossy = repair ? t(`link.lossy.${repair}`, { percent: Math.max(1, Math.round(loss * 100)) }) : "";
    const key = view.link === "tight" && slowed ? "link.slowed" : `link.${view.link}`;
    const said = view.link === "lossy" ? lossy : t(key, { time: timeOfDay(view.lostAt), n: paused || slowed });
    setText(this.linkWords, said);
    set(this.link, { title: lossy });
    setText(this.linkAgain, this.#againWords(view));
  }

  #againWords(view) {
    if (view.link === "tight" || view.link === "poor") return view.way.bps === null ? "" : words.bitrate(view.way.bps);
    if (view.link !== "lost") return "";
    const seconds = Math.ceil(view.retryInMs / 1000);
    return seconds > 0 ? t("link.again", { seconds }) : t("link.trying");
  }

  #renderActs(view) {
    setLabel(this.left, t("top.left"));
    // What waits at a folded side is said on what unfolds it.
    const calls = view.sides?.right === false ? view.calls : 0;
    const waiting = t("side.people.badge", { n: calls });
    setBadge(this.calls, calls, waiting);
    setLabel(this.right, calls ? `${t("top.right")} · ${waiting}` : t("top.right"));
    set(this.left, { hidden: !view.sides || view.sides.left === null });
    set(this.right, { hidden: !view.sides || view.sides.right === null });
    setAria(this.left, { pressed: view.sides?.left === true });
    setAria(this.right, { pressed: view.sides?.right === true });
    set(this.muteAll, { hidden: view.heard === null });
    setLabel(this.muteAll, t(view.heard ? "top.muteAll" : "top.muteAll.already"));
    setAria(this.muteAll, { disabled: !view.heard });
    setIcon(this.muteAll.firstElementChild, view.heard ? "sound" : "muted");
    set(this.admin, { hidden: !view.admin });
    setLabel(this.admin, t("admin.title"));
    set(this.mode, { hidden: !view.person });
    setLabel(this.mode, t("top.mode", { mode: t(`mode.${view.mode}`) }));
    setLabel(this.theme, t("top.theme"));
    setText(this.language, t("top.otherLanguage"));
    set(this.language, { lang: language() === "zh" ? "en" : "zh-CN" });
    setLabel(this.keys, t("top.keys"));
    setLabel(this.signOut, t("top.signOut"));
    setLabel(this.more, t("top.more"));
  }

  #openModes(anchor) {
    openMenu(anchor, this.acts.modes(), { title: t("mode.title") });
  }

  #openMore() {
    const item = (name, label, picture) => ({ label, icon: picture, act: this.acts[name] });
    const items = [
      item("muteAll", t("top.muteAll"), "muted"),
      item("theme", t("top.theme"), "theme"),
      item("language", t("top.otherLanguage"), "language"),
    ];
    const modes = { label: this.mode.title, icon: "thin", act: () => this.#openModes(this.more) };
    if (!this.mode.hidden) items.splice(1, 0, modes);
    if (!this.admin.hidden) items.unshift(item("admin", t("admin.title"), "admin"));
    if (!this.signOut.hidden) items.push(item("signOut", t("top.signOut"), "leave"));
    openMenu(this.more, items, { title: this.me.title });
  }

  #renderAir({ air, now }) {
    set(this.air, { hidden: air === null });
    if (air === null) return;
    set(this.air.dataset, { air: air.state });
    setText(this.airWords, t(`air.${air.state}`, { name: air.name, time: words.duration(now - air.since) }));
    set(this.airWords, { title: air.name });
    set(this.recorded, { hidden: !air.recorded });
    setLabel(this.recorded, t("air.recorded"));
    setText(this.stop, t(`air.${air.state}.act`));
  }
}
