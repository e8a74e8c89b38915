// The wall: one tile per source in an order that never jumps, and the full view of one of them.

import { Detail } from "./detail.js";
import { h, setText } from "./dom.js";
import { t } from "./i18n.js";
import { Seen } from "./seen.js";
import { Tile } from "./tile.js";

/** Do `act` for each of `items`; one that fails is reported and keeps no other from its turn. */
function forEach(items, act) {
  for (const item of items) {
    try {
      act(item);
    } catch (error) {
      reportError(error);
    }
  }
}

export class Wall {
  #tiles = new Map();
  #full = null;
  #known = false;
  #away = false;
  #gone = true;
  #still = () => {};
  #byElement = new Map();

  /**
   * `now()`: server UTC in ms; `rhythm` by it. `stage`: the element that is filled, and scrolls; `media` gives the
   * pictures.
   */
  constructor({ stage, media, now, rhythm }) {
    this.rhythm = rhythm;
    this.stage = stage;
    this.media = media;
    this.now = now;
    this.element = h("div", { class: "wall-place" });
    this.list = h("section", { class: "wall", id: "wall", role: "list", tabIndex: -1 });
    this.emptyTitle = h("strong");
    this.emptyWords = h("span", { class: "soft" });
    this.empty = h("p", { class: "empty" }, this.emptyTitle, this.emptyWords);
    this.detail = new Detail(() => this.leave());
    this.seen = new Seen({
      root: stage,
      shown: (element, seen) => this.#byElement.get(element)?.place({ seen }),
      away: (away) => {
        this.#away = away;
        this.#placeAll();
      },
    });
    this.element.append(this.empty, this.list, this.detail.element);
  }

  /** Begin to play, or stop everything while the wall is not on the stage. */
  show(shown) {
    this.#still();
    this.#still = () => {};
    if (shown) this.#still = this.rhythm.join(this);
    else this.leave();
    this.#gone = !shown;
    this.#placeAll();
  }

  get full() {
    return this.#full;
  }

  get tiles() {
    return [...this.#tiles.values()];
  }

  /** Take the server's list: new sources come last, gone ones go, the others stay where they are. */
  update(sources, known = true) {
    this.#known = known;
    const present = new Set(sources.map((source) => source.id));
    for (const [id, tile] of this.#tiles) if (!present.has(id)) this.#remove(id, tile);
    forEach(sources, (source) => {
      const tile = this.#tiles.get(source.id);
      if (tile) tile.update(source);
      else this.#add(source);
    });
    this.render();
  }

  render() {
    this.empty.hidden = this.#tiles.size > 0;
    setText(this.emptyTitle, t(this.#known ? "wall.none" : "wall.asking"));
    setText(this.emptyWords, t(this.#known ? "wall.none.why" : "wall.asking.why"));
    this.list.hidden = this.#tiles.size === 0;
    this.list.setAttribute("aria-label", t("wall.label"));
    forEach(this.tiles, (tile) => tile.render());
    this.detail.show(this.#full, this.now());
  }

  /** Show `tile` large, or the wall again when it is already. */
  enlarge(tile) {
    if (this.#full === tile) {
      this.leave();
      return;
    }
    this.#full = tile;
    this.#placeAll();
    this.stage.classList.add("full");
    this.detail.show(tile, this.now());
    tile.picture.focus({ preventScroll: true });
    this.stage.scrollTop = 0;
  }

  /** Show the source `id` large, if it is there. */
  enlargeId(id) {
    const tile = this.#tiles.get(id);
    if (tile && tile !== this.#full) this.enlarge(tile);
  }

  /** Back to the wall; true if there was a full view to leave. */
  leave() {
    const tile = this.#full;
    if (!tile) return false;
    this.#full = null;
    this.#placeAll();
    this.stage.classList.remove("full");
    this.detail.show(null);
    tile.picture.focus();
    // It may have had the focus already, and then the browser brings nothing into view.
    tile.picture.scrollIntoView({ block: "nearest" });
    return true;
  }

  /** The tile that keys act on: the one with the focus, else the large one. */
  current() {
    return this.tiles.find((tile) => tile.element.contains(document.activeElement)) ?? this.#full;
  }

  /** Move the focus by `columns` and `rows` of the wall as it is laid out now. */
  step(columns, rows) {
    const tiles = this.tiles;
    if (tiles.length === 0) return;
    const at = tiles.indexOf(this.current());
    const top = tiles[0].element.offsetTop;
    const wide = this.#full ? tiles.length : tiles.filter((tile) => tile.element.offsetTop === top).length;
    const next = at < 0 ? 0 : at + columns + rows * wide;
    if (next < 0 || next >= tiles.length) return;
    if (this.#full) this.enlarge(tiles[next]);
    else tiles[next].picture.focus();
  }

  muteAll() {
    for (const tile of this.#tiles.values()) tile.setMuted(true);
  }

  #add(source) {
    const tile = new Tile(source, { media: this.media, enlarge: (which) => this.enlarge(which), now: this.now });
    this.#tiles.set(source.id, tile);
    this.#byElement.set(tile.element, tile);
    this.list.append(tile.element);
    this.#place(tile);
    this.seen.observe(tile.element);
  }

  /** In full view one source plays; the others are heard if they were chosen to be. */
  #place(tile) {
    const big = tile === this.#full;
    const aside = this.#full !== null && !big;
    tile.place({ big, aside, away: this.#away || this.#gone, rank: big ? 2 : 0 });
  }

  #placeAll() {
    forEach(this.tiles, (tile) => this.#place(tile));
  }

  #remove(id, tile) {
    if (this.#full === tile) this.leave();
    this.seen.forget(tile.element);
    this.#byElement.delete(tile.element);
    tile.dispose();
    this.#tiles.delete(id);
  }

  isLively() {
    return this.tiles.some((tile) => tile.isLively);
  }

  beat() {
    forEach(this.tiles, (tile) => tile.beat());
  }

  measure() {
    return this.media.measure(this.tiles.map((tile) => tile.watching));
  }

  draw() {
    forEach(this.tiles, (tile) => tile.render());
    this.detail.show(this.#full, this.now());
  }
}
