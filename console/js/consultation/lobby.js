// Before and after being in a consultation: what it is, why I am not in it, and the way in.

import { saidWords } from "../acts.js";
import { dateOf, timeOfDay } from "../clock.js";
import { h, icon, setText } from "../dom.js";
import { t } from "../i18n.js";
import { unitNameOf } from "../names.js";
import { offerOf } from "../overview/offer.js";
import { RecordedSign } from "../overview/recordedsign.js";

const KEEP = "huishang.join";

/** With what somebody came in last: {microphone, camera}. */
export function joinedWith() {
  try {
    return { microphone: false, camera: false, ...JSON.parse(localStorage.getItem(KEEP)) };
  } catch {
    return { microphone: false, camera: false };
  }
}

/**
 * What the lobby says: a key of words. `short`: the record on the overview or null; `phase` of the page ("lobby",
 * "joining", "over", "sentAway"). Who was sent away may know nothing more of it, but may ask to come back. Pure.
 */
export function lobbyKey(short, phase, known) {
  if (!known) return "asking";
  if (!short) return { over: "ended", sentAway: "removed" }[phase] ?? "unknown";
  if (short.stage === "ended") return "ended";
  if (short.stage === "scheduled") return "scheduled";
  if (phase === "joining" && short.mine !== "waiting") return "joining";
  if (short.mine === "waiting" || short.mine === "removed") return short.mine;
  if (offerOf(short).reason === "locked") return "locked";
  return short.mine === "left" ? "left" : "ready";
}

export class Lobby {
  #key = "asking";

  /** `desk`: {acts, now(), join(), start(), home()}. */
  constructor(id, desk) {
    this.id = id;
    this.desk = desk;
    this.tag = h("span", { class: "tag" });
    this.title = h("h2");
    this.recorded = new RecordedSign();
    this.facts = h("p", { class: ["soft", "numbers"] });
    this.words = h("p", { class: "lobby-words", role: "status" });
    this.said = h("p", { class: ["note", "lobby-note"], role: "alert", hidden: true });
    this.choices = ["microphone", "camera"].map((part) => {
      const input = h("input", { type: "checkbox" });
      input.checked = joinedWith()[part];
      input.addEventListener("change", () => this.#keep());
      const label = h("span");
      const picture = icon(part === "camera" ? "camera" : "mic");
      return { part, input, label, element: h("label", { class: "switch" }, input, picture, label) };
    });
    this.with = h("div", { class: "lobby-with" }, this.choices.map((choice) => choice.element));
    this.go = h("button", { class: ["button", "main", "big"], type: "button", on: { click: () => this.#go() } });
    this.home = h("a", { class: "button", href: "#/" });
    const acts = h("div", { class: ["row", "lobby-acts"] }, this.home, this.go);
    const head = h("div", { class: "lobby-head" }, this.tag, this.title, this.recorded.element);
    const card = h("div", { class: "card" }, head, this.facts);
    card.append(this.words, this.said, this.with, acts);
    this.element = h("section", { class: "lobby" }, card);
  }

  render(short, phase, known) {
    const key = lobbyKey(short, phase, known);
    this.#key = key;
    setText(this.title, short?.title ?? t("lobby.title"));
    this.tag.hidden = !short;
    if (short) {
      setText(this.tag, t(`tag.${short.level}`));
      this.tag.dataset.level = short.level;
    }
    this.recorded.render(short?.recording);
    setText(this.facts, short ? this.#facts(short) : "");
    setText(this.words, t(`lobby.${key}`));
    const said = this.desk.acts.of(`join:${this.id}`);
    this.said.hidden = said?.state !== "refused";
    setText(this.said, saidWords(said));
    const canGo = ["ready", "left", "removed", "joining"].includes(key);
    const canStart = key === "scheduled" && offerOf(short).act === "start";
    const asks = key === "removed" || (short && offerOf(short).act === "ask");
    this.go.hidden = !canGo && !canStart;
    const join = key === "left" ? "again" : "join";
    setText(this.go, t(`lobby.${canStart ? "start" : asks ? "askIn" : join}`));
    this.go.disabled = phase === "joining" || said?.state === "sent";
    this.with.hidden = this.go.hidden;
    for (const { part, label } of this.choices) setText(label, t(`lobby.${part}`));
    setText(this.home, t("lobby.home"));
  }

  #facts(short) {
    const parts = [unitNameOf(short), t("card.chair", { name: short.chair_name })];
    if (short.stage === "running") parts.push(t("card.present", { n: short.present }));
    else if (short.begins_us) {
      const at = short.begins_us / 1000;
      parts.push(t("card.at", { day: dateOf(at), time: timeOfDay(at).slice(0, 5) }));
    }
    return parts.filter(Boolean).join(" · ");
  }

  #keep() {
    const chosen = Object.fromEntries(this.choices.map(({ part, input }) => [part, input.checked]));
    localStorage.setItem(KEEP, JSON.stringify(chosen));
  }

  #go() {
    this.#keep();
    if (this.#key === "scheduled") this.desk.start();
    else this.desk.join();
  }
}
