// Reference lines: values that a chart's lines are to be compared with.

import { colour, font } from "./plot.js";

const { uPlot } = globalThis;
const DASH = [3, 3];
const FAR = 3; // A reference beyond this multiple of the values would flatten their lines; it is named at the top.

/** The largest reference that the scale should reach, for values up to `most`. */
export function reach(references, most) {
  return Math.max(0, ...references.map(({ value }) => value).filter((value) => value <= most * FAR));
}

function drawLine({ ctx, bbox }, y) {
  ctx.setLineDash(DASH.map((length) => length * uPlot.pxRatio));
  ctx.lineWidth = uPlot.pxRatio;
  ctx.strokeStyle = colour("--soft");
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
}

/** `share` is the place of the label on the line, from 0 at the left to 1 at the right. */
function drawLabel({ ctx, bbox }, text, y, share) {
  const { pxRatio } = uPlot;
  const isAtTop = y - bbox.top < 16 * pxRatio;
  ctx.font = font(pxRatio * 0.95);
  ctx.textAlign = share === 1 ? "right" : share === 0 ? "left" : "center";
  ctx.textBaseline = isAtTop ? "top" : "bottom";
  const at = [text, bbox.left + bbox.width * share, y + (isAtTop ? 3 : -2) * pxRatio];
  // An edge in the colour of the ground keeps the label legible on a line.
  ctx.setLineDash([]);
  ctx.lineWidth = 4 * pxRatio;
  ctx.strokeStyle = colour("--ground");
  ctx.strokeText(...at);
  ctx.fillStyle = colour("--soft");
  ctx.fillText(...at);
}

/** Draws a list of {value, label}. Their labels go from left to right, so they never cover each other. */
export function drawReferences(plot, references) {
  plot.ctx.save();
  references.forEach(({ value, label }, place) => {
    const isBeyond = value > plot.scales.y.max;
    const y = isBeyond ? plot.bbox.top : Math.round(plot.valToPos(value, "y", true));
    if (!isBeyond) {
      drawLine(plot, y);
    }
    drawLabel(plot, isBeyond ? `↑ ${label}` : label, y, references.length === 1 ? 1 : place / (references.length - 1));
  });
  plot.ctx.restore();
}
