// The overview: consultations that run and are to come, and below them the wall of live sources.

import { wallKeys } from "../deskkeys.js";
import { h, icon, setText } from "../dom.js";
import { t } from "../i18n.js";
import { List } from "../list.js";
import { isPast } from "../state.js";
import { Wall } from "../wall.js";
import { Card } from "./card.js";
import { sorted } from "./offer.js";
import { consultationsOf, knowsAll } from "./places.js";

const TOPIC = "overview";

export class Overview {
  framed = true;
  side = null;
  #still = () => {};

  /** `desk`: {link, media, acts, question, now(), rhythm, stage, enter(id), look(id), create(), publish()}. */
  constructor(desk) {
    this.desk = desk;
    this.wall = new Wall(desk);
    this.keys = wallKeys(this.wall, desk.publish);
    this.groups = ["running", "scheduled"].map((stage) => this.#group(stage));
    this.wallTitle = h("h2");
    this.wallCount = h("span", { class: ["soft", "numbers"] });
    this.publishWords = h("span");
    this.publish = h("button", { class: ["button", "publish"], type: "button", on: { click: () => desk.publish() } });
    this.publish.append(icon("camera"), this.publishWords);
    this.createWords = h("span");
    this.create = h("button", { class: ["button", "main", "create-button"], type: "button" });
    this.create.addEventListener("click", () => desk.create());
    this.create.append(icon("add"), this.createWords);
    this.recordings = h("a", { class: "button", href: "#/recordings" }, icon("record"), h("span"));
    this.groups[0].head.append(h("div", { class: "section-acts" }, this.recordings, this.create));
    const head = h("div", { class: "section-head" }, this.wallTitle, this.wallCount, this.publish);
    const cards = h("div", { class: "consultations" }, this.groups.map((group) => group.element));
    this.element = h("div", { class: "overview" }, cards, head, this.wall.element);
    desk.acts.listen(() => this.#renderCards());
  }

  enter() {
    this.wall.show(true);
    this.#still = this.desk.rhythm.join({ draw: () => this.#renderTimes() });
  }

  leave() {
    this.#still();
    this.wall.show(false);
  }

  /** The overview's topic changed. */
  update() {
    this.#fillWall();
    this.render();
  }

  title() {
    return t("overview.title");
  }

  render() {
    const sources = this.wall.tiles.map((tile) => tile.source);
    const live = sources.filter((source) => source.state === "live").length;
    setText(this.wallTitle, t("wall.label"));
    setText(this.wallCount, t("top.count", { total: sources.length, live }));
    setText(this.publishWords, t("top.publish"));
    this.publish.title = t("top.publish.why");
    setText(this.createWords, t("create.button"));
    setText(this.recordings.lastElementChild, t("recordings.title"));
    this.#renderCards();
    this.wall.render();
  }

  back() {
    return this.wall.leave();
  }

  #renderCards() {
    const { store } = this.desk.link;
    const found = sorted([...consultationsOf(store).values()]);
    for (const { stage, title, empty, list, element } of this.groups) {
      const some = found[stage];
      setText(title, t(`overview.${stage}`, { n: some.length }));
      // Nothing scheduled is no news; nothing running is.
      element.hidden = stage === "scheduled" && some.length === 0;
      empty.hidden = some.length > 0;
      setText(empty, t(knowsAll(store) ? "overview.none" : "overview.asking"));
      list.show(some);
    }
  }

  #fillWall() {
    const { store } = this.desk.link;
    const sources = [...store.of(TOPIC, "source").values()].filter((source) => !isPast(source, this.desk.now()));
    this.wall.update(sources, store.knows(TOPIC));
  }

  #renderTimes() {
    const now = this.desk.now();
    if (this.wall.tiles.some(({ source }) => isPast(source, now))) this.update();
    for (const { list } of this.groups) for (const row of list.rows) row.renderTime();
  }

  #group(stage) {
    const title = h("h2");
    const empty = h("p", { class: ["soft", "none"] });
    const cards = h("ul", { class: "cards" });
    const head = h("div", { class: "section-head" }, title);
    const element = h("section", { data: { stage } }, head, empty, cards);
    return { stage, title, empty, head, element, list: new List(cards, (one) => new Card(one, this.desk)) };
  }
}
