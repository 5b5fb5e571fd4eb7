// The line drawing of a picture: keras_genzoo/datasets/edges.py in JavaScript.

const SIGMA = 0.8;
const THRESHOLD = 0.05;
// Offsets of the two neighbors along a direction: right, down to the right, down, down to the left.
const STEPS = [[0, 1], [1, 1], [1, 0], [1, -1]];

/** Black lines on white, float32 with one channel, of an image in [-1, 1]. */
export function edges(image) {
  const { height, width } = image;
  const { strength, direction } = gradient(image);
  const ridge = isRidge(strength, direction, height, width);
  const weak = ridge.map((isOne, i) => isOne && strength[i] > THRESHOLD / 2);
  // The strong pixels, and the weak ones that a chain of weak neighbors connects to them.
  const data = new Float32Array(height * width).fill(1);
  const open = [...strength.keys()].filter((i) => weak[i] && strength[i] > THRESHOLD);
  open.forEach((i) => (data[i] = -1));
  while (open.length) {
    const i = open.pop();
    const [y, x] = [Math.floor(i / width), i % width];
    for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
      for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
        const j = v * width + u;
        if (weak[j] && data[j] > 0) {
          data[j] = -1;
          open.push(j);
        }
      }
    }
  }
  return { data, height, width, channels: 1 };
}

/** Whether no neighbor along the direction is stronger, per pixel. */
export function isRidge(strength, direction, height, width) {
  // Rounded, so that the same one of two equally strong pixels wins regardless of rounding errors.
  const rounded = Array.from(strength, (value) => Math.round(value * 4096));
  const at = (y, x) => (y < 0 || x < 0 || y >= height || x >= width ? 0 : rounded[y * width + x]);
  return rounded.map((value, i) => {
    const [down, right] = STEPS[direction[i]];
    const [y, x] = [Math.floor(i / width), i % width];
    return value > at(y - down, x - right) && value >= at(y + down, x + right);
  });
}

/** Strength of the gradient per pixel, and its direction in units of 45 degrees, 0 to 3. */
function gradient({ data, height, width, channels }) {
  const radius = Math.ceil(3 * SIGMA);
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * SIGMA ** 2)));
  const total = weights.reduce((sum, weight) => sum + weight);
  const gaussian = weights.map((weight) => weight / total);
  const margin = radius + 1;
  const size = height * width;
  const [xx, yy, xy] = [0, 1, 2].map(() => new Array(size).fill(0));
  for (let channel = 0; channel < channels; channel++) {
    const plane = {
      values: Array.from({ length: (height + 2 * margin) * (width + 2 * margin) }, (_, i) => {
        const y = clamp(Math.floor(i / (width + 2 * margin)) - margin, height);
        const x = clamp((i % (width + 2 * margin)) - margin, width);
        return (data[channels * (y * width + x) + channel] + 1) / 2;
      }),
      height: height + 2 * margin,
      width: width + 2 * margin,
    };
    const smooth = convolved(plane, gaussian, gaussian);
    const right = convolved(smooth, [0.25, 0.5, 0.25], [-0.5, 0, 0.5]).values;
    const down = convolved(smooth, [-0.5, 0, 0.5], [0.25, 0.5, 0.25]).values;
    for (let i = 0; i < size; i++) {
      xx[i] += right[i] ** 2 / channels;
      yy[i] += down[i] ** 2 / channels;
      xy[i] += (right[i] * down[i]) / channels;
    }
  }
  // The larger eigenvalue of the 2x2 matrix of these, and its eigenvector's angle.
  return {
    strength: xx.map((x, i) => Math.sqrt((x + yy[i]) / 2 + Math.hypot((x - yy[i]) / 2, xy[i]))),
    direction: xx.map((x, i) => {
      const angle = Math.atan2(2 * xy[i], x - yy[i]) / 2;
      return (Math.round(angle * (4 / Math.PI)) + 4) % 4;
    }),
  };
}

/** A channel filtered with the outer product of a column and a row of weights, without its margin. */
function convolved({ values, height, width }, column, row) {
  const rows = height - column.length + 1;
  const columns = width - row.length + 1;
  const between = [];
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < width; x++) {
      between.push(column.reduce((sum, weight, k) => sum + weight * values[(y + k) * width + x], 0));
    }
  }
  const found = [];
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      found.push(row.reduce((sum, weight, k) => sum + weight * between[y * width + x + k], 0));
    }
  }
  return { values: found, height: rows, width: columns };
}

function clamp(place, size) {
  return Math.min(size - 1, Math.max(0, place));
}
