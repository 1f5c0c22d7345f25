/** Numbers as English says them. */

/** `many` has a `#` where the number stands. */
export const count = (n, one, many) => (n === 1 ? one : many.replace('#', n));

export const minutes = (ms) => Math.max(1, Math.round(ms / 60_000));

/** A time span as one says it when one waits: not more exact than it is. */
export function span(ms) {
  const all = minutes(ms);
  if (all < 90) return count(all, 'a minute', '# minutes');
  return count(Math.round(all / 60), 'an hour', '# hours');
}
