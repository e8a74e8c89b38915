// The pictures and sounds of a replay, one tile for each source: how they look. Only those on the screen are played.

import { dateOf, timeOfDay } from "../clock.js";
import { h, icon, set, setAria, setIcon, setLabel, setText } from "../dom.js";
import { has, t } from "../i18n.js";
import { Seen } from "../seen.js";
import { isCopied } from "./played.js";

const ICONS = { hole: "gone", loading: "waiting", cannot: "alert", failed: "alert", rest: "play" };
/** What is known better than this is told to the tenth of a second. */
const EXACT_US = 100_000;
/** What is wrong for less is over before it is read. */
const NOTED_US = 250_000;

function tenths(us) {
  return `${timeOfDay(us / 1000)}.${Math.floor((us % 1_000_000) / 100_000)}`;
}

const GAP_PX = 8;
/** Below a picture: its name, and what is pressed; as tall as a thumb on a phone (replay.css). */
const FOOT_PX = 42;
const THUMB_FOOT_PX = 54;
const NARROW = matchMedia("(max-width: 720px)");
const LEAST_PX = 150;

/** Columns and width of `count` tiles of 16:9 that all fit, as large as can be; small ones are scrolled. Pure. */
export function gridOf(count, width, height, foot = FOOT_PX) {
  let best = { columns: 1, wide: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const rows = Math.ceil(count / columns);
    const broad = (width - (columns - 1) * GAP_PX) / columns;
    const tall = (height - (rows - 1) * GAP_PX) / rows - foot;
    const wide = Math.floor(Math.min(broad, (tall * 16) / 9));
    if (wide > best.wide) best = { columns, wide };
  }
  if (best.wide >= LEAST_PX) return best;
  const columns = Math.max(1, Math.min(count, Math.floor((width + GAP_PX) / (LEAST_PX + GAP_PX))));
  return { columns, wide: Math.floor((width - (columns - 1) * GAP_PX) / columns) };
}

class Tile {
  #sound = null;
  #picture = null;

  constructor(source, { enlarge, solo, nameOf }) {
    this.source = source;
    this.nameOf = nameOf;
    this.name = h("span", { class: "name" });
    this.mute = h("button", { class: ["button", "bare", "mute"], type: "button", on: { click: solo } }, icon("sound"));
    this.capture = h("span", { class: ["capture", "numbers"], hidden: true });
    this.boxIcon = icon("waiting");
    this.title = h("div", { class: "title" });
    this.why = h("div", { class: ["why", "numbers"] });
    this.box = h("div", { class: "state" }, this.boxIcon, h("div", {}, this.title, this.why));
    this.note = h("div", { class: ["gap-note", "numbers"], hidden: true });
    this.soundOnly = h("div", { class: "sound-only" }, icon("sound"));
    const looks = { class: "picture", role: "button", tabIndex: 0, on: { click: enlarge } };
    this.picture = h("div", looks, this.soundOnly, this.note, this.box, this.capture);
    this.speaks = h("span", { class: "speaks-sign", hidden: true }, icon("mic"));
    const foot = h("div", { class: "foot" }, h("div", { class: "who" }, this.speaks, this.name, this.mute));
    this.element = h("article", { class: "tile", role: "listitem", data: { id: source } }, this.picture, foot);
  }

  add(track) {
    if (!track.isPicture) {
      this.#sound = track;
      return;
    }
    this.#picture = track;
    this.picture.prepend(track.element);
  }

  get track() {
    return this.#picture ?? this.#sound;
  }

  get pictured() {
    return this.#picture;
  }

  /** `view`: {us, live, sound, big, speaks}. */
  render(view) {
    const { track } = this;
    const name = this.nameOf(track.about);
    setText(this.name, name);
    set(this.name, { title: name });
    const state = track.state === "seeking" ? "shown" : track.state;
    set(this.element.dataset, { state });
    set(this.box, { hidden: state === "shown" || (state === "rest" && !this.#picture) });
    set(this.soundOnly, { hidden: Boolean(this.#picture) || !this.box.hidden });
    this.element.classList.toggle("sounding", !this.#picture);
    if (!this.box.hidden) this.#renderBox(state, view);
    this.#renderNote(state, view.us);
    const isDrawn = state === "shown" && Boolean(this.#picture);
    set(this.capture, { hidden: !isDrawn });
    if (isDrawn) this.#renderCapture(track);
    setLabel(this.picture, t(view.big ? "replay.reduce" : "replay.enlarge", { name }));
    this.#renderSound(view.sound);
    this.element.classList.toggle("speaks", view.speaks);
    set(this.speaks, { hidden: !view.speaks, title: t("replay.speaks") });
  }

  /** When the picture was taken, and how well that is known. */
  #renderCapture({ shownUs, errorUs }) {
    const time = tenths(shownUs);
    const isExact = errorUs >= 0 && errorUs <= EXACT_US;
    setText(this.capture, isExact ? time : t("replay.capture.about", { time }));
    const ms = Math.ceil(errorUs / 1000);
    set(this.capture, { title: errorUs < 0 ? t("replay.capture.unknown") : t("replay.capture.error", { ms }) });
  }

  #renderSound(sound) {
    const { mute } = this;
    set(mute, { hidden: !this.#sound });
    if (mute.hidden) return;
    const cannot = this.#sound.state === "cannot";
    const heard = !cannot && (sound === "all" || sound === this.source);
    setIcon(mute.firstElementChild, heard ? "sound" : "muted");
    setAria(mute, { pressed: heard, disabled: cannot });
    const act = sound === this.source ? "back" : "solo";
    const said = t(`replay.sound.${cannot ? "cannot" : act}`);
    setLabel(mute, !cannot && isCopied(this.#sound.about) ? `${said} · ${t("replay.sound.copy")}` : said);
  }

  #renderBox(state, { us, live }) {
    const { track } = this;
    setIcon(this.boxIcon, ICONS[state]);
    if (state !== "hole") {
      const code = track.error || "other";
      setText(this.title, t(`replay.state.${state}`));
      setText(this.why, state === "failed" ? t("replay.failed", { code }) : t(`replay.state.${state}.why`));
      return;
    }
    const { why, from, until } = this.#hole(us, live);
    setText(this.title, t(`replay.gap.${why}`));
    const since = from ? t("replay.since", { time: timeOfDay(from / 1000) }) : "";
    const key = why === "notYet" ? "replay.begins" : "replay.again";
    const again = until ? t(key, { time: timeOfDay(until / 1000) }) : "";
    setText(this.why, [since, again].filter(Boolean).join(" · "));
  }

  /** Why nothing is there, since when and until when. */
  #hole(us, live) {
    const { about, course, gap } = this.track;
    const until = course.after(us)?.t0_us ?? 0;
    if (gap) {
      // What is deleted goes on as far as is known: it does not come back where we know no further.
      const end = until || (gap.why === "deleted" ? 0 : gap.t1);
      return { why: has(`replay.gap.${gap.why}`) ? gap.why : "other", from: gap.t0, until: end };
    }
    if (us < about.t0_us) return { why: "notYet", from: 0, until: about.t0_us };
    if (us < about.t1_us) return { why: "other", from: 0, until };
    return live ? { why: "pending", from: about.t1_us, until: 0 } : { why: "over", from: about.t1_us, until: 0 };
  }

  /** Something is wrong with what is shown. */
  #renderNote(state, us) {
    const { gap } = this.track;
    const said = state === "shown" && gap && gap.t1 - gap.t0 > NOTED_US;
    set(this.note, { hidden: !said });
    if (!said) return;
    const why = has(`replay.gap.${gap.why}`) ? gap.why : "other";
    const [from, until] = [gap.t0, gap.t1].map((at) => timeOfDay(at / 1000));
    setText(this.note, `${t(`replay.gap.${why}`)} · ${from} – ${until}`);
    set(this.note, { title: dateOf(us / 1000) });
  }
}

export class Tiles {
  #tiles = new Map();
  #big = "";

  /**
   * `see(track, isSeen)` for each picture at first and when it changes; `solo(source)` when one's sound is chosen;
   * `turned()` when another one is large; `nameOf(about)`: what a track's source is called.
   */
  constructor({ see, solo, turned, nameOf }) {
    this.see = see;
    this.solo = solo;
    this.turned = turned;
    this.nameOf = nameOf;
    this.element = h("div", { class: "replay-tiles", role: "list" });
    new ResizeObserver(() => this.#lay()).observe(this.element);
    this.seen = new Seen({
      shown: (element, isSeen) => this.#see(element, isSeen),
      away: () => {},
    });
  }

  get big() {
    return this.#big;
  }

  /** What frame steps and the like are about: the large one, or the first with a picture. */
  get current() {
    const tiles = [...this.#tiles.values()];
    const focused = tiles.find((tile) => tile.element.contains(document.activeElement));
    const found = this.#tiles.get(this.#big) ?? (focused?.pictured ? focused : tiles.find((tile) => tile.pictured));
    return found?.pictured ?? null;
  }

  get sources() {
    return [...this.#tiles.values()];
  }

  add(track) {
    const { source } = track.about;
    let tile = this.#tiles.get(source);
    if (!tile) {
      const { nameOf } = this;
      tile = new Tile(source, { enlarge: () => this.enlarge(source), solo: () => this.solo(source), nameOf });
      this.#tiles.set(source, tile);
      this.element.append(tile.element);
      this.seen.observe(tile.element);
    }
    tile.add(track);
    this.#lay();
  }

  /** Show one alone and large, or all again. */
  enlarge(source) {
    this.#big = this.#big === source || !this.#tiles.has(source) ? "" : source;
    this.#lay();
    this.turned();
  }

  /** `speaks(source)`: whether it is heard at `us`. */
  render({ us, live, sound, speaks }) {
    for (const tile of this.#tiles.values()) {
      tile.render({ us, live, sound, big: this.#big === tile.source, speaks: speaks(tile.source) });
    }
    this.element.setAttribute("aria-label", t("replay.tiles"));
  }

  clear() {
    for (const tile of this.#tiles.values()) this.seen.forget(tile.element);
    this.#tiles.clear();
    this.#big = "";
    this.element.replaceChildren();
  }

  #lay() {
    const { clientWidth: width, clientHeight: height } = this.element;
    const foot = NARROW.matches ? THUMB_FOOT_PX : FOOT_PX;
    const { columns, wide } = gridOf(this.#big ? 1 : this.#tiles.size, width, height, foot);
    this.element.style.setProperty("--columns", String(columns));
    this.element.style.setProperty("--wide", `${wide}px`);
    for (const tile of this.#tiles.values()) {
      tile.element.hidden = Boolean(this.#big) && tile.source !== this.#big;
      tile.element.classList.toggle("large", tile.source === this.#big);
    }
  }

  #see(element, isSeen) {
    const track = this.#tiles.get(element.dataset.id)?.pictured;
    if (track) this.see(track.about.track, isSeen);
  }
}
