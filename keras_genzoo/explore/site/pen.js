// The pixels of a pen's line, as the library's edge detector would draw it: stairs where the line is steep, and no rim.
//
// The detector keeps the places where a gradient is the largest along its own direction. A pen's line is given a
// gradient that is the larger the nearer the line is, in the direction of the nearest point of the line.

import { isRidge } from "./edges.js";

// In pixels: no place farther from the line is on it.
const REACH = 1;

/** Pixels [x, y] of a path of points [x, y]; the pixel (0, 0) has its center at (0.5, 0.5). */
export function pixelsOfPath(points, height, width) {
  const distance = new Float64Array(height * width).fill(Infinity);
  const direction = new Uint8Array(height * width);
  const ends = points.length > 1 ? points.slice(1) : points;
  ends.forEach((end, i) => {
    const start = points[i];
    for (const [x, y] of pixelsAround(start, end, height, width)) {
      const [right, down] = toSegment([x + 0.5, y + 0.5], start, end);
      const found = Math.hypot(right, down);
      if (found >= distance[y * width + x]) continue;
      distance[y * width + x] = found;
      // On the line itself the direction is across it.
      const angle = found > 1e-6 ? Math.atan2(down, right) : Math.atan2(start[0] - end[0], end[1] - start[1]);
      direction[y * width + x] = (Math.round(angle * (4 / Math.PI)) + 8) % 4;
    }
  });
  const strength = Float64Array.from(distance, (value) => Math.exp(-(value ** 2) / 2));
  const pixels = [];
  isRidge(strength, direction, height, width).forEach((ridge, i) => {
    if (ridge && distance[i] < REACH) pixels.push([i % width, Math.floor(i / width)]);
  });
  return pixels;
}

/** The pixels whose neighbors the segment may touch. */
function pixelsAround([x0, y0], [x1, y1], height, width) {
  const reach = 3;
  const pixels = [];
  for (let y = Math.max(0, Math.floor(Math.min(y0, y1)) - reach); y < Math.min(height, Math.max(y0, y1) + reach); y++) {
    for (let x = Math.max(0, Math.floor(Math.min(x0, x1)) - reach); x < Math.min(width, Math.max(x0, x1) + reach); x++) {
      pixels.push([x, y]);
    }
  }
  return pixels;
}

/** The vector from a point to the nearest one of a segment. */
function toSegment([x, y], [x0, y0], [x1, y1]) {
  const [right, down] = [x1 - x0, y1 - y0];
  const length = right ** 2 + down ** 2;
  const part = length && Math.min(1, Math.max(0, ((x - x0) * right + (y - y0) * down) / length));
  return [x0 + part * right - x, y0 + part * down - y];
}
