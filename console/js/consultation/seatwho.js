// The line below a picture of the stage: who it is, its signs, how good the line is, and the way to its menu.

import { h, icon, set, setAria, setLabel, setText } from "../dom.js";
import { FittedName } from "../fitted.js";
import { t } from "../i18n.js";
import { bars } from "../stats.js";
import * as words from "../words.js";
import { isHeard, officeOf } from "./room.js";

function sign(name) {
  return h("span", { class: "seat-sign", role: "img", hidden: true }, icon(name));
}

function show(element, shown, key) {
  set(element, { hidden: !shown });
  if (shown) setLabel(element, t(key));
}

export class SeatWho {
  /** `menu()` opens what can be done. */
  constructor(menu) {
    this.tag = h("span", { class: "tag" });
    this.name = h("span", { class: "name" });
    this.office = h("span", { class: "office" });
    this.hand = sign("hand");
    this.word = sign("word");
    this.mic = sign("mic-off");
    this.recorded = sign("record");
    this.recorded.classList.add("recorded");
    // A title that changes has its element styled anew each time: it is set for who points there.
    const tell = ({ currentTarget: bars }) => set(bars, { title: bars.getAttribute("aria-label") });
    this.bars = h("span", { class: "bars", role: "img", on: { pointerenter: tell } }, h("i"), h("i"), h("i"));
    this.more = h("button", { class: ["button", "bare", "seat-more"], type: "button" }, icon("more"));
    this.more.setAttribute("aria-haspopup", "menu");
    this.more.addEventListener("click", (event) => {
      event.stopPropagation();
      menu();
    });
    this.element = h("div", { class: "seat-who" });
    this.element.append(this.tag, this.name, this.office, this.hand, this.word, this.mic, this.recorded);
    this.element.append(this.bars, this.more);
    this.fitted = new FittedName(this.name, (shown, full) => {
      setText(this.name, shown);
      this.name.title = full;
    });
  }

  /** True when this one is the speaker now. `recording`: of its source alone, or null. */
  render(participant, room, recording) {
    const level = participant.level || "";
    set(this.tag, { hidden: !level });
    if (level) setText(this.tag, t(`tag.${level}`));
    set(this.tag.dataset, { level });
    this.fitted.set(participant.name);
    const office = officeOf(room, participant);
    set(this.office, { hidden: !office });
    if (office) setText(this.office, t(`office.${office}`));
    show(this.hand, participant.hand_us > 0, "sign.hand");
    show(this.word, participant.word_us > 0, "sign.word");
    const quiet = participant.sound_off || !isHeard(room, participant);
    show(this.mic, quiet, participant.sound_off ? "sign.soundOff" : "sign.quiet");
    this.mic.classList.toggle("cut", participant.sound_off);
    show(this.recorded, Boolean(recording) && !recording.paused_us, "sign.recorded");
    setLabel(this.more, t("seat.more", { name: participant.name }));
    return !quiet && room.speaker === participant.id;
  }

  /** `found`: figures of stats.js, or null; not `shown` where there is nothing to measure. */
  renderQuality(found, { audioOnly, shown }) {
    const quality = found ? bars({ ...found, audioOnly }) : 0;
    set(this.bars, { hidden: !shown });
    set(this.bars.dataset, { bars: String(quality) });
    const lines = [t(`quality.${quality}`)];
    if (found) {
      const loss = t("figure.loss", { value: words.percent(found.loss) });
      const delay = t("figure.delay", { value: words.milliseconds(found.delayMs) });
      lines.push(loss, delay, words.bitrate(found.bitsPerSecond));
      if (!audioOnly) lines.push(words.size(found), words.frameRate(found.framesPerSecond));
      lines.push(...[words.slowed(found), words.layer(found)].filter(Boolean));
    }
    setAria(this.bars, { label: lines.join("\n") });
  }
}
