// The stage of a consultation: the places of its participants in one of three layouts, and what is laid over them.

import { h, icon, set, setText } from "../dom.js";
import { t } from "../i18n.js";
import { List } from "../list.js";
import { DRAGGED } from "../tree/tree.js";
import { arrange, boxesOf, LAYOUTS } from "./boxes.js";
import { Prompts } from "./prompts.js";
import { rankOf, seatsOf, soundsOf } from "./room.js";
import { Seat } from "./seat.js";

const KEEP = "huishang.layout";
/** More pictures than this are too small to tell anything, and more than a page decodes. */
const MOST_SEATS = 25;
/** Lines are bounded: whoever begins to speak is taken in at once. */
const MOST_SOUNDS = 24;
const TOUCH = matchMedia("(max-width: 720px)");

export class Stage {
  #room = null;
  #chosen = new Set();
  #last = "";
  #away = false;
  #held = false;

  /** `desk`: as Seat wants it, and {dropped(thing), run(key, name, params), room(), arranged()}. */
  constructor(desk) {
    this.desk = desk;
    const kept = localStorage.getItem(KEEP);
    this.layout = LAYOUTS.includes(kept) ? kept : "grid";
    this.canvas = h("div", { class: "seats" });
    this.more = h("p", { class: ["soft", "small", "seats-more"], hidden: true });
    this.alone = h("p", { class: "alone", hidden: true });
    this.drop = h("div", { class: "drop", hidden: true }, icon("add"), h("strong"));
    this.blocked = h("button", { class: ["button", "main", "blocked"], type: "button", hidden: true });
    this.prompts = new Prompts(desk);
    const over = h("div", { class: "over-seats" }, this.canvas, this.alone, this.more, this.prompts.element, this.drop);
    this.element = h("div", { class: "pictures" }, this.blocked, this.prompts.news, over, this.prompts.cut);
    const seatDesk = { ...desk, choose: (key) => this.choose(key), refused: () => this.#held || this.#holdSound() };
    this.list = new List(this.canvas, ({ seat }) => new Seat(seat, seatDesk), ({ seat }) => seat.key);
    new ResizeObserver(() => this.render()).observe(this.canvas);
    this.canvas.addEventListener("scroll", () => this.render());
    this.#listenForDrops();
  }

  get seats() {
    return this.list.rows;
  }

  setLayout(layout) {
    this.layout = layout;
    localStorage.setItem(KEEP, layout);
    this.desk.arranged();
    this.render();
  }

  /** The layouts as items of a menu. */
  layoutItems() {
    return LAYOUTS.map((name) => ({ label: t(`layout.${name}`), icon: name, act: () => this.setLayout(name) }));
  }

  /** Make a place one of those I look at, or no longer; that is the third layout. */
  choose(key) {
    if (this.layout !== "chosen") {
      this.#chosen = new Set([key]);
      this.setLayout("chosen");
      return;
    }
    if (!this.#chosen.delete(key)) this.#chosen.add(key);
    if (this.#chosen.size === 0) this.setLayout("grid");
    else this.render();
  }

  /** Back to all, from those I chose; true if there was something to go back from. */
  back() {
    if (this.layout !== "chosen") return false;
    this.#chosen.clear();
    this.setLayout("grid");
    return true;
  }

  /** The page went to the background for long, or came back. */
  setAway(away) {
    this.#away = away;
    this.render();
  }

  update(room) {
    this.#room = room;
    if (room.speaker && room.speaker !== room.own?.id) this.#last = room.speaker;
    this.render();
  }

  render() {
    const room = this.#room;
    if (!room) return;
    const { seats, more } = seatsOf(room, MOST_SEATS);
    const { clientWidth: width, clientHeight: height, scrollTop, scrollLeft } = this.canvas;
    const { spotlight } = room.consultation;
    const kinds = arrange(seats, { layout: this.layout, spotlight, last: this.#last, chosen: this.#chosen });
    const boxes = boxesOf(kinds, width, height, TOUCH.matches);
    const sounds = soundsOf(room, MOST_SOUNDS);
    const inView = (box) => box && box.top < scrollTop + height && box.top + box.height > scrollTop
      && box.left < scrollLeft + width && box.left + box.width > scrollLeft;
    this.list.show(seats.map((seat) => {
      const box = boxes.get(seat.key) ?? null;
      const hears = !this.#held && sounds.has(seat.participant.id) && seat.index === 0;
      const rank = rankOf(seat, room, { last: this.#last, large: kinds.small.length > 0 && !box?.small });
      const chosen = this.layout === "chosen" && this.#chosen.has(seat.key);
      return { seat, room, box, hears, away: this.#away || !inView(box), chosen, rank };
    }));
    set(this.more, { hidden: more === 0 });
    setText(this.more, t("stage.more", { n: more }));
    const alone = seats.every((seat) => seat.participant.id === room.own?.id);
    set(this.alone, { hidden: !alone });
    setText(this.alone, t(room.isChair ? "stage.alone.chair" : "stage.alone"));
    setText(this.blocked, t("stage.blocked"));
    this.prompts.update(room);
  }

  renderStates() {
    for (const seat of this.seats) seat.renderState();
  }

  isLively() {
    return this.seats.some((seat) => seat.isLively);
  }

  beat() {
    for (const seat of this.seats) seat.beat();
  }

  /** Once a second: figures of all places, for `renderStates` to show. */
  measure() {
    return this.desk.media.measure(this.seats.map((seat) => seat.watching).filter(Boolean));
  }

  dispose() {
    this.list.clear();
  }

  /** The browser plays no sound before somebody has touched the page: the pictures go on without it. */
  #holdSound() {
    this.#held = true;
    this.blocked.hidden = false;
    const release = () => {
      this.#held = false;
      this.blocked.hidden = true;
      this.render();
    };
    for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, release, { once: true });
    this.render();
  }

  #listenForDrops() {
    const { element, drop } = this;
    const takes = (event) => event.dataTransfer?.types.includes(DRAGGED);
    element.addEventListener("dragover", (event) => {
      if (!takes(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      drop.hidden = false;
      setText(drop.lastElementChild, t("stage.drop"));
    });
    element.addEventListener("dragleave", (event) => {
      if (!element.contains(event.relatedTarget)) drop.hidden = true;
    });
    element.addEventListener("drop", (event) => {
      drop.hidden = true;
      if (!takes(event)) return;
      event.preventDefault();
      this.desk.dropped(JSON.parse(event.dataTransfer.getData(DRAGGED)));
    });
  }
}
