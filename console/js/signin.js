// The page before all others: signing in by name and password, or by a one-time link, also as first administrator.

import { ApiError } from "./api.js";
import { h, icon, setText } from "./dom.js";
import { has, t } from "./i18n.js";

const KEEP = "huishang.login";
/** What the server answers to a link that makes the first administrator while no password is shown with it. */
const FIRST = new Set(["password-short", "password-weak", "empty"]);

export class SignIn {
  #code = "";
  #kind = "asking";
  #error = null;
  #busy = false;

  /** `signIn(given)` throws ApiError. */
  constructor(signIn) {
    this.signIn = signIn;
    this.element = h("section", { class: "signin" });
    this.#build();
  }

  /** Whether the server is being asked; otherwise somebody is. */
  get isAsking() {
    return this.#kind === "asking" || this.#busy;
  }

  /** Ask for name and password. */
  ask() {
    this.#show("password", null);
  }

  /** Use a one-time link; asks for more when it makes the first administrator. */
  async welcome(code) {
    this.#code = code;
    this.#show("welcome", null);
    await this.#try({ welcome: code });
  }

  render() {
    const first = this.#kind === "first";
    const failed = this.#kind === "welcome" && this.#error !== null;
    setText(this.title, t(failed ? "signin.welcome.failed" : `signin.${this.#kind}.title`));
    setText(this.why, t(`signin.${this.#kind}.why`));
    for (const { field, input } of [this.fullName, this.organisation]) {
      field.hidden = !first;
      // A field that is not shown must not hold the form back.
      input.disabled = !first;
    }
    setText(this.organisation.label, t("signin.organisation"));
    this.form.hidden = this.#kind === "welcome" || this.#kind === "asking";
    setText(this.fullName.label, t("signin.name"));
    setText(this.login.label, t("signin.login"));
    setText(this.password.label, t(first ? "signin.newPassword" : "signin.secret"));
    this.password.input.autocomplete = first ? "new-password" : "current-password";
    setText(this.go, t(this.#busy ? "signin.busy" : `signin.${first ? "create" : "go"}`));
    this.go.disabled = this.#busy;
    this.trouble.hidden = !this.#error;
    this.other.hidden = this.#kind === "password" || this.#kind === "asking" || this.#busy;
    setText(this.other, t("signin.byPassword"));
    if (!this.#error) return;
    const { code } = this.#error;
    setText(this.troubleWords, has(`signin.error.${code}`) ? t(`signin.error.${code}`) : t("signin.error.other"));
    setText(this.troubleCode, code);
  }

  #show(kind, error) {
    this.#kind = kind;
    this.#error = error;
    this.render();
    const first = kind === "first" ? this.fullName : this.login.input.value ? this.password : this.login;
    if (this.element.isConnected) first.input.focus();
  }

  async #submit() {
    const login = this.login.input.value.trim();
    const password = this.password.input.value;
    if (this.#kind === "first") {
      const name = this.fullName.input.value.trim();
      const organisation = this.organisation.input.value.trim();
      await this.#try({ welcome: this.#code, login, password, name, organisation });
    } else {
      localStorage.setItem(KEEP, login);
      await this.#try({ login, password });
    }
  }

  async #try(given) {
    if (this.#busy) return;
    this.#busy = true;
    this.#error = null;
    this.render();
    try {
      await this.signIn(given);
      this.password.input.value = "";
      this.#busy = false;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#busy = false;
      if (FIRST.has(error.code) && !given.login) this.#show("first", null);
      else this.#show(this.#kind, error);
    }
  }

  #build() {
    const field = (type, autocomplete, most) => {
      const label = h("span");
      const input = h("input", { type, autocomplete, maxLength: most, required: true, spellcheck: "false" });
      return { label, input, field: h("label", { class: "field" }, label, input) };
    };
    this.title = h("h1");
    this.why = h("p", { class: "soft" });
    this.fullName = field("text", "name", 64);
    this.organisation = field("text", "organization", 64);
    this.login = field("text", "username", 64);
    this.login.input.autocapitalize = "none";
    this.login.input.value = localStorage.getItem(KEEP) ?? "";
    this.password = field("password", "current-password", 256);
    this.troubleWords = h("div");
    this.troubleCode = h("div", { class: "code" });
    const words = h("div", {}, this.troubleWords, this.troubleCode);
    this.trouble = h("div", { class: "trouble", role: "alert", hidden: true }, icon("alert"), words);
    this.go = h("button", { class: ["button", "main"] });
    this.other = h("button", { class: "button", type: "button", on: { click: () => this.ask() } });
    const row = h("div", { class: "row" }, this.go);
    this.form = h("form", {}, this.organisation.field, this.fullName.field, this.login.field, this.password.field, row);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.element.append(h("div", { class: "card" }, this.title, this.why, this.trouble, this.form, this.other));
  }
}
