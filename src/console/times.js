/** Times as people say them. */

import { words } from './words.en.js';

const clock = new Intl.DateTimeFormat(words.locale, {
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});
const day = new Intl.DateTimeFormat(words.locale, {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
});
const date = new Intl.DateTimeFormat(words.locale, { day: 'numeric', month: 'short' });

const dayNumber = (at) => {
  const when = new Date(at);
  return Math.round(new Date(when.getFullYear(), when.getMonth(), when.getDate()) / 86_400_000);
};

export const timeOf = (at) => clock.format(at);

export const isSameDay = (a, b) => dayNumber(a) === dayNumber(b);

export function dayOf(at, now = Date.now()) {
  const ago = dayNumber(now) - dayNumber(at);
  if (ago === 0) return words.times.today;
  return ago === 1 ? words.times.yesterday : day.format(at);
}

/** Short, for lists. */
export function ago(at, now = Date.now()) {
  const passed = Math.floor((now - at) / 60_000);
  if (passed < 1) return words.times.now;
  if (passed < 60) return words.times.minutes(passed);
  return isSameDay(at, now) ? timeOf(at) : date.format(at);
}

const dateAndTime = new Intl.DateTimeFormat(words.locale, {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});

export const dayAndTime = (at) => dateAndTime.format(at);
