// The colours of the heat strip, on a logarithmic scale.

// Viridis (https://bids.github.io/colormap/): readable without telling red from green, and evenly lighter.
const STOPS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"]
  .map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
const LEAST_MS = 0.001;

function mixed(share) {
  const at = Math.min(Math.max(share, 0), 1) * (STOPS.length - 1);
  const below = Math.min(Math.floor(at), STOPS.length - 2);
  const parts = STOPS[below].map((value, place) => Math.round(value + (STOPS[below + 1][place] - value) * (at - below)));
  return `rgb(${parts.join(" ")})`;
}

/** The number of half powers of ten from 1 ms: 0 for 1 ms, 1 for 3 ms, 2 for 10 ms. */
function steps(value) {
  return 2 * Math.log10(Math.max(value, LEAST_MS));
}

/** Colours for latencies in ms, from the first step below all values to the first above. */
export function colourScale(values) {
  let least = Infinity;
  let most = -Infinity;
  for (const value of values) {
    least = Math.min(least, steps(value));
    most = Math.max(most, steps(value));
  }
  const from = Number.isFinite(least) ? Math.floor(least) : 0;
  const to = Math.max(from + 2, Number.isFinite(most) ? Math.ceil(most) : 0);
  const at = (step) => mixed((step - from) / (to - from));
  return {
    colourOf: (value) => at(steps(value)),
    keys: Array.from({ length: to - from + 1 }, (_, place) => ({
      label: `${Number((10 ** ((from + place) / 2)).toPrecision(1))} ms`,
      colour: at(from + place),
    })),
  };
}
