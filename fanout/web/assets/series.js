// What the live page knows of a run's buckets, put together from the server's answers.

/** Either {columns: {name: […]}} or {cells: […]}, each with the width and the number of buckets. */
export function emptySeries() {
  return { width_s: 1, total: 0, columns: {}, cells: [], groups: [] };
}

function splice(values, first, more, total) {
  const joined = first === 0 ? [] : values.slice(0, first);
  while (joined.length < first) {
    joined.push(null);
  }
  joined.push(...more);
  joined.length = total;
  return joined;
}

/** The series with an answer of the server added, or null if buckets between them are missing. */
export function merged(series, answer) {
  const { first, total } = answer;
  if (first > series.total) {
    return null;
  }
  const old = first === 0 ? emptySeries() : series;
  const columns = {};
  for (const name of new Set([...Object.keys(old.columns), ...Object.keys(answer.columns ?? {})])) {
    columns[name] = splice(old.columns[name] ?? [], first, answer.columns?.[name] ?? [], total);
  }
  const cells = answer.cells ? splice(old.cells, first, answer.cells, total) : old.cells;
  return { width_s: answer.width_s, total, columns, cells, groups: answer.groups ?? old.groups };
}

/** The middle of each bucket, in seconds since the start. */
export function times(series) {
  return Array.from({ length: series.total }, (_, bucket) => (bucket + 0.5) * series.width_s);
}

/** The last bucket that has a value in one of these columns, or null. */
export function lastKnown(columns) {
  const length = Math.max(0, ...columns.map((column) => column.length));
  for (let bucket = length - 1; bucket >= 0; bucket -= 1) {
    if (columns.some((column) => (column[bucket] ?? null) !== null)) {
      return bucket;
    }
  }
  return null;
}

/** A column, or unknown values if the server has none of that name. */
export function column(series, name) {
  return series.columns[name] ?? new Array(series.total).fill(null);
}
