// Image-to-image translation.

import { button, choice, element, latest } from "./dom.js";
import { download, show } from "./pixels.js";
import { Sketch } from "./sketch.js";

export function translateView(model) {
  const directions = Object.keys(model.tasks);
  let direction = directions[0];
  const { size, source_kind: kind, source_channels: channels, label_colors: labels, domains } = model.tasks[direction];
  const isGray = kind === "image" && channels === 1;
  const { pen, background, hint } = SOURCES[isGray ? "gray" : kind];
  // For models with domains: the target domain, and the latent of the style, if the model has styles.
  const wanted = { domain: 0, latent: null };
  const canvas = element("canvas", { class: "picture", role: "img", "aria-label": "The translation" });
  const timing = element("p", { class: "timing", "aria-live": "off" });
  const translate = latest(async () => {
    show(canvas, await model.translate(direction, source(), wanted));
    timing.textContent = `${model.timePerImage.toFixed(1)} ms per image`;
    timing.dataset.milliseconds = model.timePerImage;
  });
  const palette = labels?.map(([red, green, blue]) => `rgb(${red} ${green} ${blue})`);
  const sketch = new Sketch({
    size: [size, size],
    channels: labels ? 3 : channels,
    pen,
    background: palette ? palette[0] : background,
    ink: "black",
    palette,
    // Photographs, which models of this kind are trained on as center crops.
    covered: ["colorize", "deblur", "upscale"].some((ability) => model.abilities.includes(ability)),
    onChange: translate,
  });
  const source = () => (labels ? labelMap(sketch.image, labels) : sketch.image);
  const choices =
    directions.length > 1
      ? choice("Translate", directions.map((name) => [name, name.replaceAll("_to_", " → ")]), direction, (value) => {
          direction = value;
          translate();
        }).element
      : null;
  const intoDomain = domains
    ? choice("Into", domains.map((name, number) => [String(number), name]), "0", (value) => {
        wanted.domain = Number(value);
        translate();
      }).element
    : null;
  const anotherStyle = domains && model.latent
    ? button("Another style", () => {
        [wanted.latent] = model.draw(1, Math.floor(Math.random() * 2 ** 32));
        translate();
      })
    : null;
  const sampled = model.tasks[direction].sources_from
    ? button("Sample a source", async () => {
        const drawing = element("canvas");
        show(drawing, await model.source(direction, Math.floor(Math.random() * 2 ** 32)));
        sketch.picture(drawing);
      })
    : null;
  return {
    title: "Translate",
    sketch,
    element: element(
      "section",
      { class: "translation", "aria-label": "Translation" },
      element("p", { class: "hint" }, hint),
      ...(choices ? [choices] : []),
      ...(intoDomain ? [element("div", { class: "row" }, intoDomain, anotherStyle)] : []),
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
          sampled,
          button("Download PNG", () => download(canvas, `${model.name} ${domains?.[wanted.domain] ?? direction}`)),
          timing,
        ),
      ),
    ),
    start: async () => {
      if (labels) paintLabels(sketch, size, palette);
      else if (pen === "edges") smiley(size).forEach((points) => sketch.stroke(points));
      else if (pen === "hills") paintHills(sketch, size);
      else paintSmiley(sketch, size);
      // The first runs are slower, before the browser has optimized the code.
      for (let i = 0; i < 5; i++) show(canvas, await model.translate(direction, source(), wanted));
      await translate();
    },
  };
}

// Kind of the sources of a task -> how they are drawn.
const SOURCES = {
  image: {
    pen: "paint",
    background: "white",
    hint: "Drop a picture, paint one, or use an emoji of your system's font.",
  },
  gray: {
    pen: "paint",
    background: "white",
    hint: "Drop a photograph. Colors are removed before it is translated.",
  },
  drawing: {
    pen: "edges",
    background: "white",
    hint: "Draw the edges of a picture. Or drop a picture to detect its edges.",
  },
  heights: {
    pen: "hills",
    background: "black",
    hint: "Paint a height map: black is the lowest point, white the highest. Or drop one.",
  },
  labels: {
    pen: "paint",
    hint: "Paint a label map: each label has a color. Or drop a picture of a label map in these colors.",
  },
};

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

/** The label of the nearest color for each pixel: antialiased lines have intermediate colors. */
export function labelMap({ data, height, width }, colours) {
  const labels = Float32Array.from({ length: height * width }, (_, i) => {
    const distances = colours.map((colour) =>
      colour.reduce((sum, value, channel) => sum + (value / 127.5 - 1 - data[3 * i + channel]) ** 2, 0),
    );
    return distances.indexOf(Math.min(...distances));
  });
  return { data: labels, height, width, channels: 1 };
}

/** Draws a head on shoulders with the labels in turn. */
function paintLabels(sketch, size, palette) {
  const colour = (label) => palette[label % palette.length];
  const dot = (x, y, label, thickness) => sketch.stroke([[x * size, y * size]], colour(label), thickness * size);
  dot(0.5, 0.42, 2, 0.66);
  dot(0.5, 1.05, 3, 0.56);
  dot(0.5, 0.5, 1, 0.5);
  for (const x of [0.4, 0.6]) dot(x, 0.47, 4, 0.07);
  const [, , , mouth] = smiley(size);
  const small = mouth.slice(0, 65).map(([x, y]) => [size / 2 + 0.4 * (x - size / 2), 0.55 * size + 0.4 * (y - size / 2)]);
  sketch.stroke(small, colour(4), 0.04 * size);
}

/** Draws a ridge with two peaks. */
function paintHills(sketch, size) {
  const at = (...places) => places.map(([x, y]) => [x * size, y * size]);
  sketch.stroke(at([0.2, 0.7], [0.5, 0.45], [0.8, 0.4]), "rgb(110 110 110)", 0.4 * size);
  sketch.stroke(at([0.35, 0.55]), "rgb(190 190 190)", 0.25 * size);
  sketch.stroke(at([0.68, 0.42]), "white", 0.2 * size);
}

function paintSmiley(sketch, size) {
  const [, , , mouth] = smiley(size);
  sketch.stroke([[size / 2, size / 2]], "#ffc83d", 0.92 * size);
  for (const x of [0.34, 0.66]) sketch.stroke([[x * size, 0.4 * size]], "#5b3a1e", 0.12 * size);
  sketch.stroke(mouth.slice(0, 65), "#5b3a1e", 0.05 * size);
}
