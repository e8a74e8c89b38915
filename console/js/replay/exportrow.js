// An export in the list: what it is, how far, and what can be done with it.

import { dateOf, timeOfDay } from "../clock.js";
import { h, icon, set, setIcon, setText } from "../dom.js";
import { has, t } from "../i18n.js";
import { refusalWords } from "../said.js";

const STEPS = ["B", "KB", "MB", "GB"];

/** So many bytes as people say it: `12.3 MB`. Pure. */
export function bytesOf(bytes) {
  const step = Math.min(STEPS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** step;
  return `${step > 0 && value < 100 ? value.toFixed(1) : Math.round(value)} ${STEPS[step]}`;
}

/** From when to when: the date once, and times; "" for the whole. Pure. */
export function timesOf(fromUs, toUs) {
  if (!fromUs || !toUs) return "";
  const [from, to] = [fromUs / 1000, toUs / 1000];
  const day = dateOf(from) === dateOf(to) ? "" : `${dateOf(to)} `;
  return `${dateOf(from)} ${timeOfDay(from)} – ${day}${timeOfDay(to)}`;
}

/** Why there is no file, in words. */
function failedWords({ error, reason }) {
  if (reason && has(`export.reason.${reason}`)) return t(`export.reason.${reason}`);
  return has(`export.error.${error}`) ? t(`export.error.${error}`) : refusalWords(error);
}

/** What to know of a file that was made. */
function remarksOf({ kind, gaps, absent, deleted, copied, begin_us: beginUs, from_us: fromUs }) {
  const early = kind === "clip" && beginUs > 0 ? (fromUs - beginUs) / 1e6 : 0;
  return [
    gaps.length > 0 && t("export.gaps", { n: gaps.length }),
    early > 0.05 && t("export.early", { seconds: early.toFixed(1) }),
    copied && t("export.copied"),
    deleted > 0 && t("export.deleted", { n: deleted }),
    absent > 0 && t("export.absent", { n: absent }),
  ].filter(Boolean);
}

function stateWords(shown) {
  if (shown.state === "failed") return failedWords(shown);
  const part = shown.total > 0 ? Math.floor((shown.done / shown.total) * 100) : 0;
  const until = shown.until_us / 1000;
  return t(`export.state.${shown.state}`, {
    part, size: bytesOf(shown.bytes), until: `${dateOf(until).slice(5)} ${timeOfDay(until).slice(0, 5)}`,
  });
}

/**
 * A row for list.js. `acts`: {nameOf(source), whoOf(person) or "" for oneself, take(shown), remove(shown), part(shown,
 * [fromUs, toUs])}.
 */
export function exportRow(acts) {
  let now = null;
  const [title, times, state] = [h("strong"), h("span", { class: ["soft", "numbers"] }), h("span")];
  const remarks = h("ul", { class: ["export-remarks", "soft"] });
  const bar = h("progress", { max: 1 });
  const parts = h("div", { class: "export-parts" });
  const press = (name, picture, act) => {
    const words = h("span");
    const props = { class: "button", type: "button", data: { act: name }, on: { click: () => act(now) } };
    const element = h("button", props, icon(picture), words);
    return { element, words };
  };
  const take = press("take", "download", acts.take);
  const remove = press("remove", "trash", acts.remove);
  const head = h("div", { class: "export-title" }, title, times);
  const what = h("div", { class: "export-what" }, head, bar, state, remarks, parts);
  const presses = h("div", { class: "export-acts" }, take.element, remove.element);
  const element = h("li", { class: "export-row" }, what, presses);
  const render = (shown) => {
    now = shown;
    const isGoing = shown.state === "waiting" || shown.state === "running";
    element.dataset.state = shown.state;
    const source = shown.source && acts.nameOf(shown.source);
    setText(title, [t(`export.${shown.kind}`), source, acts.whoOf(shown.person)].filter(Boolean).join(" · "));
    setText(times, timesOf(shown.from_us, shown.to_us) || t("export.whole"));
    setText(state, stateWords(shown));
    set(bar, { hidden: shown.state !== "running" });
    if (shown.total > 0) set(bar, { value: shown.done / shown.total });
    else bar.removeAttribute("value");
    const told = shown.state === "made" ? remarksOf(shown) : [];
    set(remarks, { hidden: told.length === 0 });
    if (remarks.textContent !== told.join("")) remarks.replaceChildren(...told.map((words) => h("li", {}, words)));
    set(take.element, { hidden: shown.state !== "made" });
    setText(take.words, t("export.take"));
    setIcon(remove.element.firstElementChild, isGoing ? "close" : "trash");
    setText(remove.words, t(isGoing ? "export.cancel" : "export.remove"));
    set(parts, { hidden: shown.parts.length === 0 });
    while (parts.children.length < shown.parts.length) {
      const index = parts.children.length;
      const act = () => acts.part(now, now.parts[index]);
      parts.append(h("button", { class: "button", type: "button", on: { click: act } }));
    }
    for (const [index, [fromUs, toUs]] of shown.parts.entries()) {
      const range = `${timeOfDay(fromUs / 1000)} – ${timeOfDay(toUs / 1000)}`;
      setText(parts.children[index], t("export.part", { n: index + 1, range }));
    }
  };
  return { element, render };
}
