// A dialog to choose one thing out of the tree.

import { Dialog } from "../dialog.js";
import { h, setText } from "../dom.js";
import { t } from "../i18n.js";
import { nameOf } from "../names.js";
import { Tree } from "../tree/tree.js";

export class ChooseDialog extends Dialog {
  #chosen = null;
  #kinds = [];
  #answer = null;

  constructor({ link, search }) {
    super("admin.choose", { closed: () => this.#done(null) });
    this.element.classList.add("choose");
    const choose = { has: (row) => row.key === this.#chosen?.key, toggle: (row) => this.#toggle(row) };
    this.tree = new Tree({ link, search, choose });
    this.what = h("p", { class: "soft" });
    this.no = h("button", { class: "button", type: "button", on: { click: () => this.close() } });
    this.go = h("button", { class: ["button", "main"], type: "button", on: { click: () => this.#go() } });
    this.picked = h("span", { class: ["soft", "picked"] });
    this.body.append(this.what, this.tree.element, h("div", { class: "row" }, this.picked, this.no, this.go));
  }

  /** Ask for one of `kinds`, headed by the words of `key`; gives {kind, id, name}, or null. */
  ask(key, kinds) {
    this.#done(null);
    this.#chosen = null;
    this.#kinds = kinds;
    this.titleKey = key;
    const answer = new Promise((told) => {
      this.#answer = told;
    });
    this.tree.start();
    this.open(this.tree.search.input);
    return answer;
  }

  render() {
    if (!this.go) return;
    super.render();
    const kinds = this.#kinds.map((kind) => t(`admin.kind.${kind}`)).join(" / ");
    setText(this.what, t("admin.choose.what", { kinds }));
    setText(this.picked, this.#chosen ? this.#chosen.name : "");
    setText(this.no, t("dialog.cancel"));
    setText(this.go, t("admin.choose.go"));
    this.go.disabled = !this.#chosen;
    this.tree.render();
  }

  #toggle(row) {
    if (this.#kinds.includes(row.kind)) {
      this.#chosen = { key: row.key, kind: row.kind, id: row.id, name: nameOf(row.record), record: row.record };
    }
    this.render();
  }

  #go() {
    const chosen = this.#chosen;
    this.#done(chosen);
  }

  #done(chosen) {
    const answer = this.#answer;
    this.#answer = null;
    if (!answer) return;
    this.tree.stop();
    if (this.isOpen) this.close();
    answer(chosen);
  }
}
