// The images of a seed, which are those of `model.sample(num, seed)`, and a walk from seed to seed.

import { Animation, button, element, latest, mark, playButton, thumbnail } from "./dom.js";
import { show } from "./pixels.js";

const LARGEST = 2 ** 32 - 1;
// Seconds from one seed to the next.
const PACE = 2.5;

export function seedsView(model, stage) {
  const view = { title: "Seeds" };
  const num = model.num_classes ? 2 * Math.min(model.num_classes, 12) : 24;
  const labels = Array.from({ length: num }, (_, i) => i % (model.num_classes ?? 1));
  let seed = 0;
  let latents = [];
  // Progress to the next seed, from 0 to 1.
  let position = 0;

  const input = element("input", { type: "number", min: 0, max: LARGEST, step: 1, value: 0, id: "seed" });
  const thumbnails = labels.map((label, i) =>
    thumbnail(`Image ${i + 1}${model.num_classes ? `, class ${label}` : ""}`, () => choose(i)),
  );
  const grid = element("div", { class: "grid", role: "group", "aria-label": "The images of the seed" });
  grid.append(...thumbnails.map((each) => each.element));
  grid.style.setProperty("--columns", model.num_classes ? 10 : 8);

  const choose = (i) => {
    const title = position ? `between the seeds ${seed} and ${next()}, image ${i + 1}` : `seed ${seed}, image ${i + 1}`;
    stage.set(latents[i], { title, label: labels[i], by: view });
    mark(thumbnails, i);
  };
  const next = () => (seed < LARGEST ? seed + 1 : 0);
  const draw = latest(async () => {
    const drawn = seed;
    const images = await model.generate(latents, labels);
    images.forEach((image, i) => show(thumbnails[i].canvas, image));
    grid.dataset.seed = drawn;
  });
  const jumpTo = async (value) => {
    walk.stop();
    play.refresh();
    position = 0;
    await go(value);
    choose(0);
  };
  const go = (value) => {
    seed = value;
    input.value = value;
    latents = model.draw(num, seed);
    return draw();
  };
  let ends = null;
  const walk = new Animation(async (seconds) => {
    if (!position || ends?.seed !== seed) ends = { seed, from: model.draw(num, seed), to: model.draw(num, next()) };
    position += Math.min(0.5, seconds / PACE);
    if (position >= 1) {
      position = 0;
      await go(next());
    } else {
      // Slower near the seeds.
      const part = position ** 2 * (3 - 2 * position);
      latents = ends.from.map((start, i) => model.between(start, ends.to[i], part));
      await draw();
    }
    choose(0);
  });
  const play = playButton(walk, "Walk", "Stop", { title: "Walk from seed to seed (space)" });

  input.addEventListener("change", () => {
    const value = Math.round(input.valueAsNumber);
    jumpTo(Number.isFinite(value) ? Math.min(LARGEST, Math.max(0, value)) : seed);
  });
  const step = (by) => jumpTo((seed + by + 2 ** 32) % 2 ** 32);
  stage.addEventListener("change", (event) => event.detail !== view && mark(thumbnails, -1));
  return Object.assign(view, {
    element: element(
      "div",
      {},
      element(
        "p",
        { class: "hint" },
        "The images of a seed are those of ",
        element("code", {}, `model.sample(${num}, seed${model.num_classes ? ", labels" : ""})`),
        " in Python. Choose one to work on it.",
      ),
      element(
        "div",
        { class: "row" },
        element("label", { htmlFor: "seed" }, "Seed"),
        button("‹", () => step(-1), { "aria-label": "Previous seed", title: "Previous seed (left arrow)" }),
        input,
        button("›", () => step(1), { "aria-label": "Next seed", title: "Next seed (right arrow)" }),
        play.element,
      ),
      grid,
    ),
    start: () => jumpTo(0),
    leave: () => {
      walk.stop();
      play.refresh();
    },
    keys: { ArrowLeft: () => step(-1), ArrowRight: () => step(1), " ": () => play.element.click() },
  });
}
