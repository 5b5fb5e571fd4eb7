// Children of two parents: latents between them on the great circle, with random variations.

import { button, element, latest, mark, slider, thumbnail } from "./dom.js";
import { show } from "./pixels.js";

const NUM_CHILDREN = 8;

export function mixView(model, stage, parents) {
  const view = { title: "Mix" };
  const percent = (value) => `${Math.round(100 * value)} %`;
  const range = { min: 0, max: 1, step: 0.01, format: percent };
  const shares = ["A", "B"].map((name) => slider(`Share of ${name}`, { ...range, value: 0.5 }, () => mix()));
  const variation = slider("Variation", { ...range, value: 0.25 }, () => mix());
  let litter = 0;
  let children = [];
  const thumbnails = Array.from({ length: NUM_CHILDREN }, (_, i) =>
    thumbnail(`Child ${i + 1}`, () => choose(i)),
  );
  const choose = (i) => stage.set(children[i], { title: `child ${i + 1}`, by: view }).then(() => mark(thumbnails, i));
  const draw = latest(async () => {
    const images = await model.generate(children, children.map(() => stage.label));
    images.forEach((image, i) => show(thumbnails[i].canvas, image));
  });
  const breed = () => {
    const [a, b] = shares.map((share) => share.value);
    const middle = model.between(...parents.latents, a + b ? b / (a + b) : 0.5);
    // The first child is the mixture itself. The others are moved toward random latents.
    const others = model.draw(NUM_CHILDREN, litter);
    children = others.map((other, i) => (i ? model.between(middle, other, variation.value * 0.6) : middle));
    mark(thumbnails, -1);
    return draw();
  };
  const mix = () => {
    breed();
    return choose(0);
  };
  // The main picture does not change, so that it can be used as a parent.
  parents.addEventListener("change", () => view.isShown && breed());
  stage.addEventListener("change", (event) => view.isShown && event.detail !== view && draw());
  view.element = element(
    "div",
    {},
    element("p", { class: "hint" }, "Set the share of each parent. Choose a child to work on it, or to use it as a parent."),
    element("div", { class: "parents" }, ...parents.cards()),
    element("div", { class: "sliders" }, ...shares.map((share) => share.element), variation.element),
    element("div", { class: "grid", style: "--columns: 8" }, ...thumbnails.map((each) => each.element)),
    element(
      "div",
      { class: "row" },
      button("Other children", () => {
        litter += 1;
        mix();
      }),
    ),
  );
  view.enter = () => parents.dispatchEvent(new Event("change"));
  return view;
}
