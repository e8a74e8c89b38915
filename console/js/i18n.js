// Words on the page: one table per language, Chinese first.

import zhPage from "./i18n/zh/page.js";
import zhWatch from "./i18n/zh/watch.js";
import zhDirectory from "./i18n/zh/directory.js";
import zhConsult from "./i18n/zh/consult.js";
import zhRefuse from "./i18n/zh/refuse.js";
import zhAdmin from "./i18n/zh/admin.js";
import zhTimeline from "./i18n/zh/timeline.js";
import zhReplay from "./i18n/zh/replay.js";
import zhExports from "./i18n/zh/exports.js";
import zhPolicy from "./i18n/zh/policy.js";
import zhRefuseDirectory from "./i18n/zh/refusedirectory.js";
import enPage from "./i18n/en/page.js";
import enWatch from "./i18n/en/watch.js";
import enDirectory from "./i18n/en/directory.js";
import enConsult from "./i18n/en/consult.js";
import enRefuse from "./i18n/en/refuse.js";
import enAdmin from "./i18n/en/admin.js";
import enTimeline from "./i18n/en/timeline.js";
import enReplay from "./i18n/en/replay.js";
import enExports from "./i18n/en/exports.js";
import enPolicy from "./i18n/en/policy.js";
import enRefuseDirectory from "./i18n/en/refusedirectory.js";

const TABLES = {
  zh: {
    ...zhPage, ...zhWatch, ...zhDirectory, ...zhConsult, ...zhRefuse, ...zhAdmin, ...zhTimeline, ...zhRefuseDirectory,
    ...zhReplay, ...zhPolicy, ...zhExports,
  },
  en: {
    ...enPage, ...enWatch, ...enDirectory, ...enConsult, ...enRefuse, ...enAdmin, ...enTimeline, ...enRefuseDirectory,
    ...enReplay, ...enPolicy, ...enExports,
  },
};
const LANGUAGES = { zh: "zh-CN", en: "en" };
const KEEP = "huishang.language";
/** Letters that are written from the right: Hebrew, Arabic and their kin. */
const FROM_THE_RIGHT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/u;
const listeners = new Set();
// Until somebody chooses, the language is that of the markup: the server may serve it as another one.
const served = (document.documentElement.lang ?? "").slice(0, 2).toLowerCase();
let current = [localStorage.getItem(KEEP), served].find((name) => name in TABLES) ?? "zh";

/** Text for `key` in the current language; `{name}` is replaced from `values`. */
export function t(key, values = {}) {
  const text = TABLES[current][key];
  if (text === undefined) throw new Error(`i18n:${key}`);
  return text.replace(/\{(\w+)\}/gu, (_, name) => apart(String(values[name])));
}

/** A name that is written from the right turns nothing round that stands beside it. */
function apart(value) {
  return FROM_THE_RIGHT.test(value) ? `\u2068${value}\u2069` : value;
}

/** True when the table has `key`; for codes that come from the server. */
export function has(key) {
  return key in TABLES[current];
}

export function language() {
  return current;
}

/** Change the language; everybody who asked by `onLanguage` draws again. */
export function setLanguage(name) {
  current = name in TABLES ? name : "zh";
  localStorage.setItem(KEEP, current);
  apply();
}

/** Call `listener` now and after every change. */
export function onLanguage(listener) {
  listeners.add(listener);
  listener();
}

/** Fill the words of static markup and tell all listeners. */
export function apply() {
  document.documentElement.lang = LANGUAGES[current];
  for (const element of document.querySelectorAll("[data-i18n]")) element.textContent = t(element.dataset.i18n);
  for (const listener of listeners) listener();
}
