// The dialog of exports: what to export of the recording that is looked at, and how the ones before go on. They are the
// server's: whoever closes the page finds them again.

import { ApiError } from "../api.js";
import { Dialog } from "../dialog.js";
import { h, icon, set, setText } from "../dom.js";
import { t } from "../i18n.js";
import { List } from "../list.js";
import { refusalWords } from "../said.js";
import { ExportDoors } from "./exportdoors.js";
import { ExportForm } from "./exportform.js";
import { exportRow } from "./exportrow.js";

const GOING_MS = 1000;
const RESTING_MS = 10000;
/** The strip may be drawn so long ago. */
const DRAWN_US = 3e6;

export class ExportDialog extends Dialog {
  #items = [];
  #error = "";
  #timer = 0;
  #turn = 0;
  #recording = "";

  /** `page`: {account, player(), visible(): {fromUs, toUs} of the strip, nameOf(about), whoOf(person)}. */
  constructor(page) {
    super("export.title", { closed: () => clearTimeout(this.#timer) });
    this.page = page;
    this.element.classList.add("wide", "exports");
    this.form = new ExportForm({
      at: () => page.player().us,
      nameOf: (about) => page.nameOf(about),
      order: (wish) => this.#order(wish),
    });
    this.note = h("p");
    this.trouble = h("div", { class: "trouble", role: "alert", hidden: true }, icon("alert"), this.note);
    this.listTitle = h("h3");
    this.why = h("p", { class: "soft" });
    this.rows = h("ul", { class: "export-rows" });
    this.list = new List(this.rows, () => exportRow({
      nameOf: (source) => this.#sourceName(source),
      whoOf: (person) => page.whoOf(person),
      take: (shown) => this.#do(() => this.#take(shown)),
      remove: (shown) => this.#do(() => this.doors.remove(shown.id)),
      part: (shown, [fromUs, toUs]) => this.#order(partOf(shown, fromUs, toUs)),
    }));
    this.body.append(this.form.element, this.trouble, this.listTitle, this.why, this.rows);
  }

  /** Show it for the recording that is open. */
  show() {
    const { tracks, index, clock } = this.page.player();
    if (this.#recording !== index.recording.id) {
      this.#recording = index.recording.id;
      this.doors = new ExportDoors(this.page.account, this.#recording);
      this.#items = [];
      this.form.propose(this.#visible(clock));
    }
    this.#error = "";
    this.form.take(tracks, clock);
    this.open();
    this.#look();
  }

  /** What the strip shows; the whole where that is all, for what is live has grown since it was drawn. */
  #visible({ fromUs, toUs }) {
    const visible = this.page.visible();
    return visible.fromUs <= fromUs && visible.toUs >= toUs - DRAWN_US ? { fromUs, toUs } : visible;
  }

  render() {
    // The base class renders before there is anything.
    if (!this.doors) return;
    super.render();
    this.form.render();
    setText(this.note, this.#error && refusalWords(this.#error));
    set(this.trouble, { hidden: this.#error === "" });
    setText(this.listTitle, t("export.list"));
    setText(this.why, t("export.list.why"));
    for (const element of [this.listTitle, this.why]) set(element, { hidden: this.#items.length === 0 });
    this.list.show(this.#items);
  }

  #sourceName(source) {
    const track = this.page.player()?.tracks.find(({ about }) => about.source === source);
    return track ? this.page.nameOf(track.about) : "";
  }

  #order(wish) {
    return this.#do(() => this.doors.order(wish));
  }

  async #take({ id, name }) {
    const link = h("a", { href: await this.doors.address(id), download: name });
    link.click();
  }

  async #do(act) {
    this.#error = "";
    try {
      await act();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#error = error.code;
    }
    await this.#look();
  }

  /** See how they go, again and again while this is open. */
  async #look() {
    clearTimeout(this.#timer);
    this.#turn += 1;
    const turn = this.#turn;
    try {
      const { items } = await this.doors.list();
      if (turn !== this.#turn) return;
      this.#items = items;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn !== this.#turn) return;
      this.#error ||= error.code;
    }
    if (!this.isOpen) return;
    this.render();
    const isGoing = this.#items.some(({ state }) => state === "waiting" || state === "running");
    this.#timer = setTimeout(() => this.#look(), isGoing ? GOING_MS : RESTING_MS);
  }
}

/** The order of a part of what could not be made as a whole. */
function partOf({ kind, source, tracks }, fromUs, toUs) {
  return { kind, source, tracks, from_us: fromUs, to_us: toUs };
}
