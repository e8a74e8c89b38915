// The pages of administration under one address: directory, import and export, timeline, grants.

import { Acts } from "../acts.js";
import { h, setText } from "../dom.js";
import { t } from "../i18n.js";
import { Audit } from "./audit.js";
import { ChooseDialog } from "./choose.js";
import { Directory } from "./directory.js";
import { Doors } from "./doors.js";
import { Files } from "./files.js";
import { Grants } from "./grants.js";
import { Names } from "./called.js";
import { Policies } from "./policies.js";
import { Rights } from "./rights.js";

const HOME = "#/admin";
/** name -> the right that somebody who opens it needs somewhere. */
const SECTIONS = { directory: "manage", files: "manage", timeline: "audit", grants: "see", policies: "manage" };

export class AdminPage {
  framed = false;
  side = null;
  #shown = "";

  /** `desk`: {link, account, search, question, emergencies, now(), changed() when it is another thing that I may}. */
  constructor(desk) {
    const { link, account, search } = desk;
    const doors = new Doors({ account, link });
    const changed = () => {
      if (this.#shown) this.render();
      desk.changed();
    };
    this.rights = new Rights({ link, doors, account, changed });
    const acts = new Acts({ act: (name, params) => doors.act(name, params) });
    const shared = {
      ...desk, acts, doors, rights: this.rights, names: new Names(doors), me: () => account.person,
      choose: new ChooseDialog({ link, search }),
      open: (what, unit = "") => this.#open(["directory", what, unit]),
    };
    this.choose = shared.choose;
    this.sections = {
      directory: new Directory(shared), files: new Files(shared),
      timeline: new Audit(shared), grants: new Grants(shared), policies: new Policies(shared),
    };
    shared.names.listen(() => this.#section?.named());
    const tab = (name) => ({ name, link: h("a", { class: "tab", href: `${HOME}/${name}` }) });
    this.links = Object.keys(SECTIONS).map(tab);
    this.nav = h("nav", { class: "tabs" }, this.links.map(({ link: made }) => made));
    this.refusal = h("p", { class: "none" });
    this.place = h("div", { class: "admin-body" }, this.refusal);
    this.element = h("div", { class: "admin-page" }, this.nav, this.place);
  }

  get #section() {
    return this.sections[this.#shown] ?? null;
  }

  /** Show what the parts of an address after `admin` say. */
  enter([name = "", ...rest]) {
    const shown = Object.hasOwn(SECTIONS, name) ? name : this.#first();
    if (shown !== this.#shown) {
      this.leave();
      this.#shown = shown;
      this.place.replaceChildren(this.refusal, this.#section.element);
    }
    this.#section.enter(rest);
    this.render();
  }

  leave() {
    this.#section?.leave();
    this.#section?.element.remove();
    this.#shown = "";
  }

  title() {
    return t("admin.title");
  }

  render() {
    this.nav.setAttribute("aria-label", t("admin.title"));
    for (const { name, link } of this.links) {
      setText(link, t(`admin.section.${name}`));
      if (name === this.#shown) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
      link.title = this.#reason(name);
      link.setAttribute("aria-disabled", String(this.#reason(name) !== ""));
    }
    const section = this.#section;
    if (!section) return;
    const reason = this.#reason(this.#shown);
    this.refusal.hidden = !reason;
    setText(this.refusal, reason);
    section.element.hidden = reason !== "";
    if (!reason) section.render();
    if (this.choose.isOpen) this.choose.render();
  }

  /** Why somebody may not use a section, "" for who may. */
  #reason(name) {
    const { rights } = this;
    if (!rights.known) return "";
    return rights.any && (name === "grants" || rights.somewhere(SECTIONS[name])) ? "" : t(`admin.why.section.${name}`);
  }

  #first() {
    return Object.keys(SECTIONS).find((name) => !this.#reason(name)) ?? "directory";
  }

  #open(parts) {
    location.hash = `${HOME}/${parts.filter(Boolean).map((part) => part.replaceAll("/", "%2F")).join("/")}`;
  }
}
