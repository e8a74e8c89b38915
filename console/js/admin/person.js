// What is more of a person: roles, the ways in, and being let in at all.

import { Note } from "../acts.js";
import { h, icon, setLabel, setText } from "../dom.js";
import { t } from "../i18n.js";
import { List } from "../list.js";
import { roleWords } from "./codes.js";
import { Press } from "./field.js";
import { Line } from "./secret.js";
import { ROLES } from "./shapes.js";

const HOURS = [24, 72, 168];

const keyOf = (role) => `${role.name}@${role.scope}`;

class Roles {
  constructor(view) {
    this.view = view;
    this.title = h("h3");
    this.none = h("p", { class: "soft" });
    const rows = h("ul", { class: "role-rows" });
    this.rows = new List(rows, (role) => this.#row(role), keyOf);
    this.select = h("select", {}, ROLES.map((value) => h("option", { value })));
    this.select.value = "member";
    this.give = new Press(icon("add"), () => this.#give());
    this.note = new Note();
    const row = h("div", { class: "inline" }, this.select, this.give.element);
    this.element = h("section", { class: "admin-section" }, this.title, this.none, rows, row, this.note.element);
  }

  render() {
    const { view } = this;
    const roles = view.record.roles ?? [];
    setText(this.title, t("admin.roles"));
    this.none.hidden = roles.length > 0;
    setText(this.none, t("admin.roles.none"));
    this.reason = view.reason("admin");
    view.desk.names.want(roles.map((role) => `unit:${role.scope}`));
    this.rows.show(roles);
    for (const option of this.select.options) setText(option, roleWords(option.value));
    this.select.setAttribute("aria-label", t("admin.field.role"));
    this.give.render(t("admin.roles.give"), this.reason);
    this.note.render(view.said("roles"));
  }

  async #give() {
    const to = await this.view.desk.choose.ask("admin.roles.where", ["unit"]);
    if (to) await this.#set((roles) => [...roles, { name: this.select.value, scope: to.id }]);
  }

  async #take(role) {
    const { view } = this;
    const values = { name: view.name, role: roleWords(role.name), unit: view.desk.names.of(`unit:${role.scope}`) };
    if (!(await view.desk.question.ask("dropRole", values))) return;
    await this.#set((roles) => roles.filter((one) => keyOf(one) !== keyOf(role)));
  }

  /** The act names all roles, so it starts from those of this moment: another administrator may have given one. */
  async #set(change) {
    const { view } = this;
    await view.subject.load();
    if (view.subject.state !== "here") return;
    await view.act("person.roles", { roles: change(view.record.roles) }, "roles");
    await view.subject.load();
  }

  #row(role) {
    const words = h("span", { class: "words" });
    const take = h("button", { class: ["button", "bare"], type: "button" }, icon("close"));
    take.addEventListener("click", () => !this.reason && this.#take(role));
    return {
      element: h("li", {}, words, take),
      render: () => {
        const unit = this.view.desk.names.of(`unit:${role.scope}`);
        setText(words, t("admin.roles.at", { role: roleWords(role.name), unit }));
        setLabel(take, this.reason || t("admin.roles.take", { role: words.textContent }));
        take.setAttribute("aria-disabled", String(Boolean(this.reason)));
      },
    };
  }
}

class Ways {
  #link = "";

  constructor(view) {
    this.view = view;
    this.title = h("h3");
    this.hours = h("select", {}, HOURS.map((value) => h("option", { value: String(value) })));
    this.invite = new Press(icon("link"), () => this.#invite());
    this.linkNote = new Note();
    this.once = h("p", { class: "once" });
    this.line = new Line(view.desk.doors, "link");
    this.password = h("input", { type: "password", autocomplete: "new-password", maxLength: 128 });
    this.set = h("button", { class: "button" });
    this.setNote = new Note();
    const form = h("form", { class: "inline" }, this.password, this.set);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#set();
    });
    const made = h("div", { class: "secret" }, this.once, this.line.element);
    this.made = made;
    const links = h("div", { class: "inline" }, this.hours, this.invite.element);
    const parts = [this.title, links, this.linkNote.element, made, form, this.setNote.element];
    this.element = h("section", { class: "admin-section" }, parts);
  }

  render() {
    const { view } = this;
    const mine = view.desk.me()?.id === view.id;
    const reason = view.reason("admin") || (view.record.disabled ? t("admin.why.disabled") : "");
    setText(this.title, t("admin.ways"));
    this.hours.setAttribute("aria-label", t("admin.link.hours"));
    for (const option of this.hours.options) setText(option, t("admin.link.for", { hours: option.value }));
    this.invite.render(t("admin.link.make"), reason);
    this.linkNote.render(view.said("link"));
    this.made.hidden = !this.#link;
    setText(this.once, t("admin.once"));
    this.line.render(this.#link);
    const why = view.reason("admin") || (mine ? t("admin.why.own") : "");
    this.password.placeholder = t("admin.password.new");
    this.password.setAttribute("aria-label", t("admin.password.new"));
    this.password.disabled = Boolean(why);
    setText(this.set, t("admin.password.set"));
    this.set.title = why;
    this.set.setAttribute("aria-disabled", String(Boolean(why)));
    this.setNote.render(view.said("password"));
  }

  async #invite() {
    const hours = Number(this.hours.value);
    const { made } = await this.view.act("welcome.create", { hours }, "link");
    if (made) this.#link = `${location.origin}/#welcome=${made}`;
    this.render();
  }

  async #set() {
    if (this.set.getAttribute("aria-disabled") === "true") return;
    if (!(await this.view.desk.question.ask("password", { name: this.view.name }))) return;
    const { refusal } = await this.view.act("person.password", { password: this.password.value }, "password");
    if (refusal) this.password.focus();
    else this.password.value = "";
  }
}

/** The parts of a person's view. */
export function personParts(view) {
  const roles = new Roles(view);
  const ways = new Ways(view);
  return {
    sections: [roles, ways],
    render() {
      roles.render();
      ways.render();
    },
  };
}
