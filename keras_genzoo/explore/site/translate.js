// Pictures into pictures.

import { button, choice, element, latest } from "./dom.js";
import { download, show } from "./pixels.js";
import { Sketch } from "./sketch.js";

export function translateView(model) {
  const directions = Object.keys(model.tasks);
  let direction = directions[0];
  const { size, source_channels: channels } = model.tasks[direction];
  const canvas = element("canvas", { class: "picture", role: "img", "aria-label": "The translation" });
  const timing = element("p", { class: "timing", "aria-live": "off" });
  const translate = latest(async () => {
    show(canvas, await model.translate(direction, sketch.image));
    timing.textContent = `${model.timePerImage.toFixed(1)} ms per image`;
    timing.dataset.milliseconds = model.timePerImage;
  });
  const sketch = new Sketch({
    size: [size, size],
    channels,
    // The grey pictures that translators of this library are given are drawings of edges.
    pen: channels === 1 ? "edges" : "paint",
    background: "white",
    ink: "black",
    onChange: translate,
  });
  const hint =
    channels === 1
      ? "Draw lines: they become the edges that the model was trained on. Or drop a picture: its edges are drawn."
      : "Drop a picture, paint one, or take an emoji of your system's font.";
  const choices =
    directions.length > 1
      ? choice("Translate", directions.map((name) => [name, name.replaceAll("_to_", " → ")]), direction, (value) => {
          direction = value;
          translate();
        }).element
      : null;
  return {
    sketch,
    element: element(
      "section",
      { class: "translation", "aria-label": "Translation" },
      element("p", { class: "hint" }, hint),
      ...(choices ? [choices] : []),
      element(
        "div",
        { class: "sides" },
        sketch.paper,
        element("span", { class: "arrow", "aria-hidden": "true" }, "→"),
        canvas,
      ),
      element(
        "div",
        { class: "under" },
        sketch.tools,
        element(
          "div",
          { class: "row" },
          button("Download PNG", () => download(canvas, `${model.name} ${direction}`)),
          timing,
        ),
      ),
    ),
    start: async () => {
      if (channels === 1) smiley(size).forEach((points) => sketch.stroke(points));
      else paintSmiley(sketch, size);
      // The browser compiles what runs often.
      for (let i = 0; i < 5; i++) show(canvas, await model.translate(direction, sketch.image));
      await translate();
    },
  };
}

/** The lines of a face with sides of `size` pixels. */
function smiley(size) {
  const arc = (x, y, radius, from = 0, to = 2) =>
    Array.from({ length: 65 }, (_, i) => {
      const angle = Math.PI * (from + ((to - from) * i) / 64);
      return [size * (x + radius * Math.cos(angle)), size * (y + radius * Math.sin(angle))];
    });
  const mouth = [...arc(0.5, 0.55, 0.27, 0.1, 0.9), ...arc(0.5, 0.5, 0.26, 0.8, 0.2)];
  return [arc(0.5, 0.5, 0.46), arc(0.34, 0.4, 0.055), arc(0.66, 0.4, 0.055), mouth];
}

function paintSmiley(sketch, size) {
  const [, , , mouth] = smiley(size);
  sketch.stroke([[size / 2, size / 2]], "#ffc83d", 0.92 * size);
  for (const x of [0.34, 0.66]) sketch.stroke([[x * size, 0.4 * size]], "#5b3a1e", 0.12 * size);
  sketch.stroke(mouth.slice(0, 65), "#5b3a1e", 0.05 * size);
}
