// Bringing files into the directory: first what that would do, then doing it; and taking the directory out as files.

import { Acts, Note } from "../acts.js";
import { ApiError } from "../api.js";
import { h, icon, setText } from "../dom.js";
import { language, t } from "../i18n.js";
import { refusalWords } from "../said.js";
import { Refusal } from "../wire.js";
import { Press } from "./field.js";
import { PlannedTable, RemarkTable } from "./report.js";
import { saveExport, sendFiles } from "./upload.js";

const KINDS = ["", "unit", "person", "endpoint"];
const POLL_MS = 500;
const EXPORTS = [["json", ""], ["csv", "unit"], ["csv", "person"], ["csv", "endpoint"]];

export class Files {
  #files = [];
  #report = null;
  #applied = false;
  #busy = "";
  #error = null;
  #share = 0;

  constructor(desk) {
    this.desk = desk;
    this.title = h("h2");
    this.how = h("p", { class: "soft" });
    this.input = h("input", { type: "file", multiple: true, accept: ".csv,.json,.txt" });
    this.input.addEventListener("change", () => this.#choose([...this.input.files]));
    this.pickWords = h("span");
    this.pick = h("label", { class: ["button", "file-pick"] }, icon("upload"), this.pickWords, this.input);
    this.chosen = h("p", { class: "chosen-files" });
    this.kind = h("select", {}, KINDS.map((value) => h("option", { value })));
    this.kind.addEventListener("change", () => this.#check());
    this.kindLabel = h("span");
    const kindField = h("label", { class: "field" }, this.kindLabel, this.kind);
    this.drop = h("div", { class: "file-drop" }, this.pick, this.chosen, kindField);
    this.bar = h("progress", { max: 1 });
    this.state = h("p", { class: "import-state", role: "status" });
    this.planned = new PlannedTable(desk.names);
    this.refused = new RemarkTable("refused");
    this.warnings = new RemarkTable("warnings");
    this.go = new Press(icon("check"), () => this.#apply(), ["main"]);
    this.cancel = new Press("", () => this.#forget());
    const row = h("div", { class: "row" }, this.cancel.element, this.go.element);
    this.outTitle = h("h2");
    this.outHow = h("p", { class: "soft" });
    this.saving = new Acts({ act: (name, values) => this.#save(values) });
    this.saving.listen(() => this.render());
    this.outs = EXPORTS.map(([format, kind]) => this.#out(format, kind));
    const outs = h("div", { class: "outs" }, this.outs.flatMap((out) => [out.press.element, out.note.element]));
    const tables = [this.planned, this.refused, this.warnings].map((table) => table.element);
    this.element = h(
      "div", { class: "admin-files" }, this.title, this.how, this.drop, this.bar, this.state, row, tables,
      this.outTitle, this.outHow, outs,
    );
    this.#takeDrops();
  }

  enter() {
    this.render();
  }

  leave() {}

  /** More names are known. */
  named() {
    this.render();
  }

  render() {
    setText(this.title, t("files.in"));
    setText(this.how, t("files.in.how"));
    setText(this.pickWords, t("files.pick"));
    setText(this.chosen, this.#files.map((file) => file.name).join(t("audit.and")) || t("files.none"));
    setText(this.kindLabel, t("files.kind"));
    for (const option of this.kind.options) {
      setText(option, option.value ? t(`admin.kind.${option.value}`) : t("files.kind.auto"));
    }
    this.input.disabled = this.#busy !== "";
    this.bar.hidden = this.#busy === "";
    if (this.#share > 0 && this.#share < 1) this.bar.value = this.#share;
    else this.bar.removeAttribute("value");
    this.bar.setAttribute("aria-label", t("files.progress"));
    setText(this.state, this.#stateWords());
    this.state.dataset.said = this.#error || this.#report?.code ? "refused" : this.#applied ? "done" : "";
    const todo = this.#report ? this.#report.created + this.#report.changed : 0;
    this.go.element.hidden = this.cancel.element.hidden = !this.#report || this.#applied;
    this.go.render(t("files.apply", { n: todo }), this.#busy ? t("act.sent") : todo ? "" : t("files.nothing"));
    this.cancel.render(t("dialog.cancel"));
    const shown = this.#report;
    this.planned.render(this.#applied ? [] : (shown?.steps ?? []), shown ? shown.created + shown.changed : 0);
    this.refused.render(shown?.refused ?? [], shown?.refused_rows ?? 0);
    this.warnings.render(shown?.warnings ?? [], shown?.warnings?.length ?? 0);
    setText(this.outTitle, t("files.out"));
    setText(this.outHow, t("files.out.how"));
    for (const { press, note, format, kind } of this.outs) {
      press.render(t(`files.out.${kind || format}`));
      note.render(this.saving.of(`${format}/${kind}`));
    }
  }

  #stateWords() {
    if (this.#busy) return t(`files.busy.${this.#busy}`, { percent: Math.round(this.#share * 100) });
    if (this.#error) return refusalWords(this.#error.code);
    if (!this.#report) return "";
    const { created, changed, unchanged, refused_rows: refused, code } = this.#report;
    if (code) return t("files.stopped", { why: refusalWords(code) });
    return t(this.#applied ? "files.did" : "files.would", { created, changed, unchanged, refused });
  }

  #choose(files) {
    this.#files = files;
    this.#check();
  }

  #forget() {
    this.#files = [];
    this.#report = this.#error = null;
    this.input.value = "";
    this.render();
  }

  async #check() {
    if (this.#files.length === 0) return;
    this.#report = null;
    this.#applied = false;
    await this.#send(true, "reading");
  }

  async #apply() {
    const polling = setInterval(() => this.#poll(), POLL_MS);
    try {
      await this.#send(false, "applying");
    } finally {
      clearInterval(polling);
    }
  }

  async #send(check, busy) {
    this.#busy = "sending";
    this.#error = null;
    this.#share = 0;
    this.render();
    const sent = (share) => {
      if (this.#busy === "sending") this.#share = share;
      if (share === 1) {
        this.#busy = busy;
        this.#share = 0;
      }
      this.render();
    };
    try {
      const how = { check, kind: this.kind.value, sent };
      this.#report = await this.desk.account.ask((token) => sendFiles(this.#files, { ...how, token }));
      this.#applied = !check;
      this.desk.names.forget();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#error = error;
    }
    this.#busy = "";
    // The same file chosen again is a choice too.
    this.input.value = "";
    this.render();
  }

  async #poll() {
    if (this.#busy !== "applying") return;
    try {
      const { done, of } = await this.desk.doors.get("/directory/import");
      if (of > 0) this.#share = done / of;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    this.render();
  }

  async #save(values) {
    try {
      await this.desk.account.ask((token) => saveExport({ ...values, language: language(), token }));
      return "";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      throw new Refusal(error.code);
    }
  }

  #out(format, kind) {
    const press = new Press(icon("download"), () => this.saving.run(`${format}/${kind}`, "export", { format, kind }));
    return { press, note: new Note(), format, kind };
  }

  #takeDrops() {
    this.drop.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files") || this.#busy) return;
      event.preventDefault();
      this.drop.classList.add("over");
    });
    this.drop.addEventListener("dragleave", () => this.drop.classList.remove("over"));
    this.drop.addEventListener("drop", (event) => {
      event.preventDefault();
      this.drop.classList.remove("over");
      if (!this.#busy) this.#choose([...event.dataTransfer.files]);
    });
  }
}
