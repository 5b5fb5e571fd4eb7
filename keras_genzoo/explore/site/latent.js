// The latents of a seed, and paths between latents: keras_genzoo/latent.py in JavaScript.
//
// The library computes in float32. Each operation here is rounded as there; only `log`, `cos` and `sin` may differ
// from a library's by a rounding error.

const { fround } = Math;
const ROUNDS = [[13, 15, 26, 6], [17, 29, 16, 24]];
const TWO_PI = fround(2 * Math.PI);

/** The Threefry-2x32 block cipher with 20 rounds, of pairs of uint32 numbers. */
export function threefry2x32(key, counter) {
  const keys = [key[0], key[1], key[0] ^ key[1] ^ 0x1bd11bda];
  let left = (counter[0] + keys[0]) | 0;
  let right = (counter[1] + keys[1]) | 0;
  for (let group = 0; group < 5; group++) {
    for (const distance of ROUNDS[group % 2]) {
      left = (left + right) | 0;
      right = ((right << distance) | (right >>> (32 - distance))) ^ left;
    }
    left = (left + keys[(group + 1) % 3]) | 0;
    right = (right + keys[(group + 2) % 3] + group + 1) | 0;
  }
  return [left >>> 0, right >>> 0];
}

/** `num` rows of numbers in (0, 1), one after another in a Float32Array. */
export function uniform(num, dim, seed) {
  return rows(num, dim, seed, (first, second) => [first, second]);
}

/** `num` rows of standard normal numbers. */
export function normal(num, dim, seed) {
  return rows(num, dim, seed, (first, second) => {
    const radius = fround(Math.sqrt(-2 * fround(Math.log(first))));
    const angle = fround(TWO_PI * second);
    return [radius * fround(Math.cos(angle)), radius * fround(Math.sin(angle))];
  });
}

/** `num` rows of normal numbers within bounds, which hold the share `mass` of all: by their quantiles. */
export function truncatedNormal(num, { dim, low, high, mass }, seed) {
  return uniform(num, dim, seed).map((value) => {
    const x = fround(fround(fround(2 * value) - 1) * fround(mass));
    const found = fround(fround(Math.SQRT2) * inverseErf(x));
    return Math.min(fround(high), Math.max(fround(low), found));
  });
}

// Polynomials of the inverse of the error function, the highest power first: of the middle, and of the tails.
const INVERSE_ERF = [
  [2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06,
    0.00021858087, -0.00125372503, -0.00417768164, 0.246640727, 1.50140941],
  [-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
    -0.0076224613, 0.00943887047, 1.00167406, 2.83297682],
];

function inverseErf(x) {
  const w = fround(-fround(Math.log(fround(fround(1 - x) * fround(1 + x)))));
  const isMiddle = w < 5;
  const position = isMiddle ? fround(w - 2.5) : fround(fround(Math.sqrt(w)) - 3);
  const coefficients = INVERSE_ERF[isMiddle ? 0 : 1].map(fround);
  return fround(x * coefficients.reduce((sum, coefficient) => fround(fround(sum * position) + coefficient)));
}

/** `num` rows of a mixture of Gaussians: `{weights, means, factors}`, the factors lower triangular. */
export function mixture(num, seed, { weights, means, factors }) {
  const dim = means[0].length;
  const found = normal(num, dim, seed);
  for (let row = 0; row < num; row++) {
    const [bits] = threefry2x32([seed >>> 0, 1], [row, 0]);
    const component = componentAt(weights, toUniform(bits));
    const normals = found.slice(row * dim, (row + 1) * dim);
    for (let i = 0; i < dim; i++) {
      let scaled = 0;
      for (let j = 0; j <= i; j++) scaled += fround(fround(factors[component][i][j]) * normals[j]);
      found[row * dim + i] = fround(means[component][i]) + fround(scaled);
    }
  }
  return found;
}

/** `num` rows of a one-hot category and of numbers in (low, high). */
export function categoryAndUniform(num, dim, seed, { num_categories, low, high }) {
  const drawn = dim - num_categories + 1;
  const values = uniform(num, drawn, seed);
  const found = new Float32Array(num * dim);
  for (let row = 0; row < num; row++) {
    found[row * dim + Math.floor(fround(num_categories * values[row * drawn]))] = 1;
    for (let i = 1; i < drawn; i++) {
      found[row * dim + num_categories + i - 1] = low + fround((high - low) * values[row * drawn + i]);
    }
  }
  return found;
}

/** The latents that a model draws for a seed, by what its model.json says. */
export function draw({ latent, prior }, num, seed) {
  if (prior) return mixture(num, seed, prior);
  if (latent.distribution === "normal") return normal(num, latent.dim, seed);
  if (latent.distribution === "category_and_uniform") return categoryAndUniform(num, latent.dim, seed, latent);
  const { low, high } = latent;
  if (latent.distribution === "truncated_normal") return truncatedNormal(num, latent, seed);
  return uniform(num, latent.dim, seed).map((value) => low + fround((high - low) * value));
}

/** The latent at `position`, from 0 to 1, of the way between two: a great circle, or a line between bounded ones. */
export function between(latent, start, end, position) {
  if ("low" in latent) return combined(start, 1 - position, end, position);
  const cosine = dot(start, end) / Math.sqrt(dot(start, start) * dot(end, end));
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  // Latents that are 0, or on one line.
  if (!(Math.sin(angle) >= 1e-6)) return combined(start, 1 - position, end, position);
  const [a, b] = [1 - position, position].map((part) => Math.sin(part * angle) / Math.sin(angle));
  return combined(start, a, end, b);
}

/** A latent moved along a unit vector, and kept within its bounds where it has some; of a shift `latent` is null. */
export function moved(latent, start, vector, amount) {
  const end = combined(start, 1, vector, amount);
  if (!latent || !("low" in latent)) return end;
  return end.map((value, i) => {
    const [low, high] = i < (latent.num_categories ?? 0) ? [0, 1] : [latent.low, latent.high];
    return Math.min(high, Math.max(low, value));
  });
}

/** Orthogonal unit vectors that span what the given ones span. */
export function orthonormal(vectors) {
  const basis = [];
  for (const vector of vectors) {
    const rest = basis.reduce((left, each) => combined(left, 1, each, -dot(left, each)), Float32Array.from(vector));
    const length = Math.sqrt(dot(rest, rest));
    if (length > 1e-4) basis.push(rest.map((value) => value / length));
  }
  return basis;
}

export function dot(a, b) {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}

function combined(a, weight, b, other) {
  return Float32Array.from(a, (value, i) => weight * value + other * b[i]);
}

/** Rows of pairs of numbers: the first halves of the pairs, then the second. */
function rows(num, dim, seed, pairOf) {
  const pairs = Math.ceil(dim / 2);
  const values = new Float32Array(num * dim);
  for (let row = 0; row < num; row++) {
    for (let column = 0; column < pairs; column++) {
      const words = threefry2x32([seed >>> 0, 0], [row, column]);
      const [first, second] = pairOf(...words.map(toUniform));
      values[row * dim + column] = first;
      if (pairs + column < dim) values[row * dim + pairs + column] = second;
    }
  }
  return values;
}

function toUniform(bits) {
  return ((bits >>> 9) + 0.5) / 2 ** 23;
}

function componentAt(weights, position) {
  let bound = 0;
  let component = 0;
  for (const weight of weights.slice(0, -1)) {
    bound += weight;
    component += position > bound;
  }
  return component;
}
