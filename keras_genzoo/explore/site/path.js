// The interpolation between the two parents, as a strip and as an animation.

import { Animation, element, latest, playButton, slider, thumbnail } from "./dom.js";
import { show } from "./pixels.js";

const STEPS = 9;
// Seconds from one end to the other.
const PACE = 3;

export function pathView(model, stage, parents) {
  const view = { title: "Path" };
  const range = { min: 0, max: 1, step: 0.005, value: 0, format: (value) => `${Math.round(100 * value)} %` };
  const position = slider("From A to B", range, (value) => go(value));
  const thumbnails = Array.from({ length: STEPS }, (_, i) =>
    thumbnail(`Step ${i + 1} of ${STEPS}`, () => go(i / (STEPS - 1))),
  );
  const at = (part) => model.between(...parents.latents, part);
  const go = (part) => {
    position.value = part;
    return stage.set(at(part), { title: `${Math.round(100 * part)} % from A to B`, by: view });
  };
  const draw = latest(async () => {
    const latents = thumbnails.map((_, i) => at(i / (STEPS - 1)));
    const images = await model.generate(latents, latents.map(() => stage.label));
    images.forEach((image, i) => show(thumbnails[i].canvas, image));
  });
  // To B and back again.
  let time = 0;
  const animation = new Animation((seconds) => {
    time = (time + seconds / PACE) % 2;
    return go(time < 1 ? time : 2 - time);
  });
  const play = playButton(animation, "Play", "Stop", { title: "Play (space)" });
  parents.addEventListener("change", () => view.isShown && draw());
  stage.addEventListener("change", (event) => view.isShown && event.detail !== view && draw());
  view.element = element(
    "div",
    {},
    element(
      "p",
      { class: "hint" },
      "low" in model.latent
        ? "Linear interpolation between the latents of the parents."
        : "Spherical interpolation between the latents of the parents, which keeps their length typical.",
    ),
    element("div", { class: "parents" }, ...parents.cards()),
    element("div", { class: "grid strip", style: `--columns: ${STEPS}` }, ...thumbnails.map((each) => each.element)),
    element("div", { class: "row" }, play.element, position.element),
  );
  view.enter = () => parents.dispatchEvent(new Event("change"));
  view.leave = () => {
    animation.stop();
    play.refresh();
  };
  view.keys = { " ": () => play.element.click() };
  return view;
}
