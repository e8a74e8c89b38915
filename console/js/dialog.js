// A dialog with a title and a way out. The browser's own <dialog> keeps the focus and answers Escape.

import { h, icon, setLabel, setText } from "./dom.js";
import { t } from "./i18n.js";

export class Dialog {
  /** `titleKey` of the words; `lasting` dialogs have no close button. `closed()` is called however it is closed. */
  constructor(titleKey, { lasting = false, closed = () => {} } = {}) {
    this.titleKey = titleKey;
    this.title = h("h2");
    this.body = h("div");
    const shut = { class: ["button", "bare"], type: "button", on: { click: () => this.close() } };
    this.shut = lasting ? null : h("button", shut, icon("close"));
    this.element = h("dialog", {}, h("div", { class: "dialog-head" }, this.title, this.shut), this.body);
    this.element.addEventListener("close", closed);
    if (lasting) this.element.addEventListener("cancel", (event) => event.preventDefault());
    document.body.append(this.element);
  }

  get isOpen() {
    return this.element.open;
  }

  /** Show it, with the focus on `first` or, without one, where the browser puts it. */
  open(first = null) {
    this.render();
    if (!this.isOpen) this.element.showModal();
    first?.focus();
  }

  close() {
    this.element.close();
  }

  render() {
    setText(this.title, t(this.titleKey));
    this.element.setAttribute("aria-label", t(this.titleKey));
    if (this.shut) setLabel(this.shut, t("dialog.close"));
  }
}
