// What is more of an endpoint: how it connects, its credential, and being let in at all.

import { Note } from "../acts.js";
import { h, icon, setText } from "../dom.js";
import { t } from "../i18n.js";
import { Press } from "./field.js";
import { Line } from "./secret.js";

/** The command that sends a test picture by GStreamer to `address`. Pure. */
export function commandOf(address, token) {
  const sink = `whipclientsink signaller::whip-endpoint="${address}" signaller::auth-token="${token}"`;
  return `gst-launch-1.0 videotestsrc is-live=true ! videoconvert ! ${sink}`;
}

class Connect {
  #token = "";

  constructor(view) {
    this.view = view;
    const { doors } = view.desk;
    this.title = h("h3");
    this.how = h("p", { class: "soft" });
    this.address = new Line(doors, "address");
    this.token = new Line(doors, "token");
    this.command = new Line(doors, "command", { coded: false });
    this.once = h("p", { class: "once" });
    this.renew = new Press(icon("key"), () => this.#renew());
    this.note = new Note();
    this.made = h("div", { class: "secret" }, this.once, this.token.element, this.command.element);
    const row = h("div", { class: "inline" }, this.renew.element, this.note.element);
    this.element = h("section", { class: "admin-section" }, this.title, this.how, this.address.element, row, this.made);
  }

  render() {
    const { view } = this;
    const address = `${location.origin}/whip/${view.id}`;
    setText(this.title, t("admin.connect"));
    setText(this.how, t("admin.connect.how"));
    this.address.render(address);
    this.renew.render(t("admin.credential.make"), view.reason("admin"));
    this.note.render(view.said("credential"));
    this.made.hidden = !this.#token;
    setText(this.once, t("admin.once"));
    this.token.render(this.#token);
    this.command.render(this.#token && commandOf(address, this.#token));
  }

  async #renew() {
    if (!(await this.view.desk.question.ask("credential", { name: this.view.name }))) return;
    const { made } = await this.view.act("endpoint.credential", {}, "credential");
    if (made) this.#token = made;
    this.render();
  }
}

/** The parts of an endpoint's view. */
export function endpointParts(view) {
  const connect = new Connect(view);
  return {
    sections: [connect],
    render() {
      connect.render();
    },
  };
}
