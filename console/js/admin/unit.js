// What is more of a unit: what is below it, and making that.

import { h, icon, setText } from "../dom.js";
import { t } from "../i18n.js";
import { Press } from "./field.js";

/** The parts of a unit's view. */
export function unitParts(view) {
  const make = ["unit", "person", "endpoint"].map((kind) => {
    return { kind, press: new Press(icon("add"), () => view.desk.open(`new-${kind}`, view.id)) };
  });
  const emergency = new Press(icon("record"), () => view.desk.emergencies.press({ id: view.id, name: view.name }));
  const root = new Press(icon("tree"), () => view.act("unit.move", { parent: "" }));
  const counts = h("p", { class: ["soft", "numbers"] });
  return {
    sections: [{ element: counts, stop: view.desk.emergencies.listen(() => view.render()) }],
    acts: [...make.map((one) => one.press.element), root.element, emergency.element],
    render() {
      const { units = 0, people = 0, endpoints = 0 } = view.record;
      setText(counts, t("admin.below", { units, people, endpoints }));
      const manage = view.reason("manage");
      for (const { kind, press } of make) press.render(t(`admin.new.${kind}`), manage);
      const may = view.record.may ?? view.subject.may ?? [];
      emergency.render(view.desk.emergencies.wordsOf(view), may.includes("record") ? "" : t("why.recordRight"));
      root.element.hidden = !view.record.parent;
      root.render(t("admin.root"), manage);
    },
  };
}
