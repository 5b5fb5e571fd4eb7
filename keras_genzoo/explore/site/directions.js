// Sliders for the principal directions of the latent, and toward the typical latents of a fitted prior.

import { button, element, latest, mark, slider, thumbnail } from "./dom.js";
import { dot, orthonormal } from "./latent.js";
import { show } from "./pixels.js";

const SHOWN_COMPONENTS = 16;
// In standard deviations.
const FARTHEST = 3;
// Milliseconds without a change before the ends of the sliders are drawn.
const PAUSE = 150;

export function directionsView(model, stage) {
  const view = { title: "Directions" };
  const { names, vectors, scales } = model.directions;
  const numNamed = names.filter((name) => name !== null).length;
  const place = (i) => dot(stage.edited, vectors[i]) / scales[i];
  const movedTo = (i, value) => model.moved(stage.edited, vectors[i], (value - place(i)) * scales[i]);
  const ends = vectors.map(() => [0, 1].map(() => element("canvas", { class: "end", "aria-hidden": "true" })));
  const sliders = vectors.map((_, i) => {
    const range = {
      min: -FARTHEST,
      max: FARTHEST,
      step: 0.05,
      value: 0,
      format: (value) => value.toFixed(2),
      ends: ends[i],
      shown: names[i] ?? String(i + 1 - numNamed),
    };
    const label = names[i] ?? `Direction ${i + 1 - numNamed}`;
    return slider(label, range, (value) => stage.edit(movedTo(i, value), { by: view }));
  });
  const drawEnds = latest(async () => {
    const edits = vectors.flatMap((_, i) => [movedTo(i, -FARTHEST), movedTo(i, FARTHEST)]);
    const labels = edits.map(() => stage.label);
    const images = model.mapsLatents
      ? await model.generate(edits.map(() => stage.latent), labels, edits)
      : await model.generate(edits, labels);
    images.forEach((image, i) => show(ends.flat()[i], image));
  });
  let timer = null;
  const follow = () => sliders.forEach((each, i) => (each.value = place(i)));
  const towards = model.prior ? componentsOf(model, stage) : null;
  stage.addEventListener("change", (event) => {
    if (event.detail !== view) follow();
    if (event.detail !== towards) towards?.forget();
    clearTimeout(timer);
    if (view.isShown) timer = setTimeout(drawEnds, PAUSE);
  });
  view.element = element(
    "div",
    {},
    element(
      "p",
      { class: "hint" },
      numNamed
        ? "First the named directions: a step of 1 is the difference between images without and with the attribute. Then the "
        : "The ",
      model.mapsLatents
        ? "directions in which the model's styles differ most, strongest first, in standard deviations from this picture. "
        : "directions of the latent that change the images most, strongest first, in standard deviations. ",
      "Both ends of a slider show the resulting picture.",
    ),
    element("div", { class: "sliders" }, ...sliders.map((each) => each.element)),
    element(
      "div",
      { class: "row" },
      button("Reset all", () => {
        // Named directions are not orthogonal to the others.
        const { edited } = stage;
        stage.edit(orthonormal(vectors).reduce((left, vector) => model.moved(left, vector, -dot(edited, vector)), edited));
      }),
    ),
    ...(towards ? [towards.element] : []),
  );
  view.start = () => towards?.start();
  view.enter = drawEnds;
  return view;
}

/** Sliders toward the means of the largest components of the fitted prior. */
function componentsOf(model, stage) {
  const { weights, means } = model.prior;
  const order = [...weights.keys()].sort((a, b) => weights[b] - weights[a]).slice(0, SHOWN_COMPONENTS);
  const latents = order.map((component) => Float32Array.from(means[component]));
  // The latent that is moved, and the target.
  let from = null;
  let target = null;
  const amount = slider(
    "Amount",
    { min: 0, max: 1, step: 0.01, value: 0, format: (value) => `${Math.round(100 * value)} %` },
    (value) => {
      if (target === null) return;
      from ??= stage.latent;
      stage.set(model.between(from, latents[target], value), { by: towards });
    },
  );
  const choose = (chosen) => {
    target = chosen;
    mark(thumbnails, chosen);
    towards.forget();
  };
  const thumbnails = latents.map((_, i) => thumbnail(`Typical image ${i + 1}`, () => choose(i)));
  const towards = {
    element: element(
      "section",
      { class: "towards" },
      element("h3", {}, "Toward a typical image"),
      element(
        "p",
        { class: "hint" },
        "The centers of the largest clusters of latents of the training images. Choose one, and move this picture toward it.",
      ),
      element("div", { class: "grid", style: "--columns: 8" }, ...thumbnails.map((each) => each.element)),
      amount.element,
    ),
    start: async () => {
      const images = await model.generate(latents);
      images.forEach((image, i) => show(thumbnails[i].canvas, image));
    },
    forget: () => {
      from = null;
      amount.value = 0;
    },
  };
  choose(0);
  return towards;
}
