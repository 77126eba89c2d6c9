// Numbers as text. What is unknown is a dash, never 0.

const UNKNOWN = "–";

function isKnown(value) {
  return value !== null && value !== undefined;
}

/** Three digits at most behind a leading zero, none behind large numbers: 0.019, 0.19, 2.2, 137. */
export function decimal(value) {
  if (!isKnown(value)) {
    return UNKNOWN;
  }
  const size = Math.abs(value);
  if (size === 0 || size >= 9.95) {
    return value.toFixed(0);
  }
  if (size >= 0.995) {
    return value.toFixed(1);
  }
  return value.toFixed(size >= 0.0995 ? 2 : 3);
}

export function ms(value) {
  return isKnown(value) ? `${decimal(value)} ms` : UNKNOWN;
}

export function count(value) {
  return isKnown(value) ? String(Math.round(value)) : UNKNOWN;
}

export function percent(share) {
  return isKnown(share) ? `${Math.round(share * 100)} %` : UNKNOWN;
}

/** A time since the start: 12.5 s, 2 min 05 s, 1 h 02 min. */
export function duration(seconds) {
  if (!isKnown(seconds)) {
    return UNKNOWN;
  }
  if (seconds < 59.95) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) {
    return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  }
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** A number on an axis, without needless digits. */
export function tick(value) {
  return String(Number(value.toPrecision(6)));
}

/** A time on an axis or in a table. */
export function seconds(value) {
  return `${Number(value.toFixed(2))} s`;
}

export function plural(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
