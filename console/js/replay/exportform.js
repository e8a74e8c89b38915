// The form of an export: from when to when, and what of it.

import { dateOf, timeOfDay } from "../clock.js";
import { h, set, setText } from "../dom.js";
import { t } from "../i18n.js";
import { beginsUs } from "../overview/create.js";
import { duration } from "../words.js";
import { localOf } from "./controls.js";

export const KINDS = ["clip", "composed", "bundle"];

/** The sources of which a clip can be made. */
export function choicesOf(tracks) {
  const sources = new Map(tracks.map(({ about }) => [about.source, { source: about.source, about }]));
  return [...sources.values()];
}

export class ExportForm {
  #choices = [];
  #whole = { fromUs: 0, toUs: 0 };
  #shown = "";

  /** `at()`: the position in us; `nameOf(about)`; `order(wish)`. */
  constructor({ at, nameOf, order }) {
    this.at = at;
    this.nameOf = nameOf;
    this.fromUs = 0;
    this.toUs = 0;
    this.kind = KINDS[0];
    const ends = ["fromUs", "toUs"].map((end) => this.#end(end));
    [this.from, this.to] = ends;
    this.long = h("p", { class: ["soft", "numbers", "export-long"] });
    this.kinds = KINDS.map((kind) => this.#kind(kind));
    this.source = h("select", {});
    this.sourceWords = h("span");
    const source = h("label", { class: "field" }, this.sourceWords, this.source);
    this.sourceField = h("div", { class: "export-more" }, source);
    this.withhold = h("input", { type: "checkbox" });
    this.withholdWords = h("span");
    this.withholdField = h("label", { class: ["export-more", "export-check"] }, this.withhold, this.withholdWords);
    this.kinds[0].element.append(this.sourceField);
    this.kinds[2].element.append(this.withholdField);
    this.go = h("button", { class: ["button", "main"] });
    this.legend = h("legend");
    this.element = h(
      "form", { class: "export-form" }, h("div", { class: "pair" }, ends.map(({ element }) => element)), this.long,
      h("fieldset", { class: "export-kinds" }, this.legend, this.kinds.map(({ element }) => element)),
      h("div", { class: "row" }, this.go),
    );
    this.element.noValidate = true;
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.reason === "") order(this.wish());
    });
  }

  #end(end) {
    const words = h("span");
    const input = h("input", { type: "datetime-local", step: "1", class: "numbers" });
    const here = h("button", { class: "button", type: "button", on: { click: () => this.#take(end, this.at()) } });
    input.addEventListener("change", () => this.#take(end, beginsUs(input.value)));
    const row = h("div", { class: "export-end" }, input, here);
    return { words, input, here, element: h("label", { class: "field" }, words, row) };
  }

  #kind(kind) {
    const input = h("input", { type: "radio", name: "export-kind", value: kind });
    input.addEventListener("change", () => {
      this.kind = kind;
      this.render();
    });
    const [title, why] = [h("strong"), h("span", { class: "soft" })];
    const label = h("label", { class: "export-kind" }, input, h("span", {}, title, why));
    return { kind, input, title, why, element: h("div", { class: "export-choice" }, label) };
  }

  #take(end, us) {
    if (us) this[end] = us;
    this.render();
  }

  /** What there is: `tracks` of the player, the whole from `fromUs` to `toUs`. */
  take(tracks, { fromUs, toUs }) {
    this.#choices = choicesOf(tracks);
    this.#whole = { fromUs, toUs };
  }

  /** Propose a time. */
  propose({ fromUs, toUs }) {
    this.fromUs = Math.round(fromUs);
    this.toUs = Math.round(toUs);
  }

  get #choice() {
    return this.#choices.find(({ source }) => source === this.source.value) ?? this.#choices[0];
  }

  /** Why it cannot be ordered as it is, or "". */
  get reason() {
    if (this.toUs <= this.fromUs) return t("export.times");
    if (this.kind === "clip" && !this.#choice) return t("export.clip.none");
    return "";
  }

  /** What the server is asked for. */
  wish() {
    const times = { from_us: this.fromUs, to_us: this.toUs };
    if (this.kind === "clip") return { kind: "clip", ...times, source: this.#choice.source };
    if (this.kind === "composed") return { kind: "composed", ...times };
    const { fromUs, toUs } = this.#whole;
    const isWhole = this.fromUs <= fromUs && this.toUs >= toUs;
    return { kind: "bundle", ...(isWhole ? {} : times), withhold: this.withhold.checked ? ["event"] : [] };
  }

  render() {
    for (const [name, { words, input, here }] of [["from", this.from], ["to", this.to]]) {
      setText(words, t(`export.${name}`));
      setText(here, t(`export.${name}.here`));
      here.title = `${dateOf(this.at() / 1000)} ${timeOfDay(this.at() / 1000)}`;
      if (document.activeElement !== input) set(input, { value: localOf(name === "from" ? this.fromUs : this.toUs) });
    }
    const { reason } = this;
    const long = duration(Math.round((this.toUs - this.fromUs) / 1e6) * 1000);
    setText(this.long, reason || t("export.long", { long }));
    setText(this.legend, t("export.what"));
    for (const { kind, input, title, why } of this.kinds) {
      set(input, { checked: kind === this.kind });
      setText(title, t(`export.${kind}`));
      setText(why, t(`export.${kind}.why`));
    }
    set(this.sourceField, { hidden: this.kind !== "clip" });
    set(this.withholdField, { hidden: this.kind !== "bundle" });
    setText(this.withholdWords, t("export.withhold"));
    setText(this.sourceWords, t("export.source"));
    this.#renderSources();
    setText(this.go, t("export.go"));
    this.go.title = reason;
    this.go.setAttribute("aria-disabled", String(reason !== ""));
  }

  #renderSources() {
    const all = this.#choices.map(({ source, about }) => [source, this.nameOf(about)]);
    const key = JSON.stringify(all);
    if (key === this.#shown) return;
    this.#shown = key;
    const { value } = this.source;
    this.source.replaceChildren(...all.map(([source, words]) => h("option", { value: source }, words)));
    if (all.some(([source]) => source === value)) this.source.value = value;
  }
}
