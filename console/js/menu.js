// A list of acts that opens at the thing they concern. What cannot be done is there too, with the reason.

import { h, icon } from "./dom.js";

const MARGIN = 8;
let open = null;

function close(giveBack) {
  if (!open) return;
  const { element, anchor, away } = open;
  open = null;
  away.abort();
  element.remove();
  anchor.setAttribute("aria-expanded", "false");
  if (giveBack) anchor.focus({ preventScroll: true });
}

function place(element, anchor, point) {
  const at = point ?? anchor.getBoundingClientRect();
  const { width, height } = element.getBoundingClientRect();
  const left = Math.min(at.right ?? at.left, innerWidth - MARGIN) - width;
  const below = at.bottom + MARGIN / 2;
  const top = below + height > innerHeight - MARGIN ? at.top - height - MARGIN / 2 : below;
  element.style.left = `${Math.max(MARGIN, left)}px`;
  element.style.top = `${Math.max(MARGIN, Math.min(top, innerHeight - height - MARGIN))}px`;
}

function line(item) {
  const more = item.reason ?? item.note;
  const words = h("span", { class: "words" }, item.label, more ? h("small", {}, more) : null);
  const looks = ["item", item.danger && "danger"];
  const role = item.checked === undefined ? "menuitem" : "menuitemradio";
  const made = h("button", { class: looks, type: "button", role, tabIndex: -1 });
  if (item.checked !== undefined) made.setAttribute("aria-checked", String(item.checked));
  made.append(icon(item.icon ?? "none"), words);
  if (item.reason) made.setAttribute("aria-disabled", "true");
  made.addEventListener("click", () => {
    if (item.reason) return;
    close(true);
    item.act();
  });
  return made;
}

function step(element, key) {
  const all = [...element.querySelectorAll("[role^=menuitem]")];
  const at = all.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1 }[key];
  if (to === undefined || all.length === 0) return false;
  all[to % all.length].focus();
  return true;
}

/**
 * Open at `anchor` (or at `point`, {left, top, bottom}), `items`: {label, icon, note, reason, danger, checked, act};
 * a `reason` says why it cannot be done now; `checked`, of choices only, which is chosen. `title` heads it.
 */
export function openMenu(anchor, items, { title = "", point = null } = {}) {
  const again = open?.anchor === anchor && !point;
  close(again);
  if (again) return;
  const head = title ? h("div", { class: "menu-title" }, title) : null;
  const element = h("div", { class: "menu", role: "menu", "aria-label": title || null }, head, items.map(line));
  const away = new AbortController();
  open = { element, anchor, away };
  anchor.setAttribute("aria-expanded", "true");
  document.body.append(element);
  place(element, anchor, point);
  const { signal } = away;
  element.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape" || event.key === "Tab") close(true);
    else if (!step(element, event.key)) return;
    event.preventDefault();
  });
  const outside = (event) => {
    if (!element.contains(event.target) && !anchor.contains(event.target)) close(false);
  };
  addEventListener("pointerdown", outside, { signal, capture: true });
  addEventListener("resize", () => close(false), { signal });
  addEventListener("hashchange", () => close(false), { signal });
  element.querySelector("[aria-checked=true], [role=menuitem]")?.focus();
}
