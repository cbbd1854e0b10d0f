const RFC3339_UTC = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z$/;
const UP_TO_SECONDS = 'YYYY-MM-DDTHH:MM:SS'.length;

/** A moment as RFC 3339 writes it in UTC, e.g. `2030-01-01T00:00:00Z`: one that is in the calendar. */
export function isMoment(value: unknown): value is string {
  if (typeof value !== 'string' || !RFC3339_UTC.test(value)) return false;
  const time = Date.parse(value);
  // Date.parse takes the 30th of February for the 2nd of March, and 24:00 for the next day.
  return (
    !Number.isNaN(time) &&
    new Date(time).toISOString().slice(0, UP_TO_SECONDS) === value.slice(0, UP_TO_SECONDS)
  );
}
