// The choice of how much of the link pictures may take, as items of a menu.

import { t } from "./i18n.js";
import { MODES } from "./thin.js";

export function modeItems(thin) {
  return MODES.map((mode) => ({
    label: t(`mode.${mode}`),
    note: t(`mode.${mode}.why`),
    icon: mode === thin.mode ? "check" : "none",
    checked: mode === thin.mode,
    act: () => thin.choose(mode),
  }));
}
