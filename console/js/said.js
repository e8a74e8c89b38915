// What a tile says of its state, in words: a title, and why. The server's refusals are told apart from a broken line.

import { has, t } from "./i18n.js";

/** `error`: the ApiError that ended the last try to watch; there is one whenever the state is "retrying". */
export function titleOf(state, error) {
  return t(state === "retrying" && error.status ? "state.refused" : `state.${state}`);
}

/** `error` as above. A reason without words of its own is told by its code. */
export function whyOf(state, error) {
  if (state !== "retrying") return t(`state.${state}.why`);
  const { code } = error;
  return has(`why.${code}`) ? t(`why.${code}`) : t("why.other", { code });
}
