"""Reads the golden calendar of bookings with the parser of the package icalendar (RFC 5545)."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

from icalendar import Calendar

TITLE = (
    "Breathing, back\\forth; and  BEGIN:VEVENT — a long title in which ten „words“ or more go over"
    " the end of a line: ää öö üü 🌿🌿🌿🌿🌿🌿🌿🌿, with Łucja; \"Lu\""
)
STARTS = datetime(2027, 1, 22, 8, tzinfo=timezone.utc)


def main():
    raw = (Path(__file__).parent / "booking.ics").read_bytes()
    assert all(len(line) <= 75 for line in raw.split(b"\r\n")), "a line is longer than 75 octets"
    assert b"\n" not in raw.replace(b"\r\n", b""), "a line ends without CR"
    calendar = Calendar.from_ical(raw)
    assert calendar["VERSION"] == "2.0" and calendar["METHOD"] == "PUBLISH"
    agreed, over = calendar.walk("VEVENT")
    assert agreed["SUMMARY"] == TITLE, agreed["SUMMARY"]
    assert agreed["UID"].endswith("8@sanctuary") and over["UID"].endswith("9@sanctuary")
    assert (agreed["STATUS"], agreed["SEQUENCE"]) == ("CONFIRMED", 0)
    assert (over["STATUS"], over["SEQUENCE"]) == ("CANCELLED", 1)
    for event in (agreed, over):
        assert event.decoded("DTSTART") == STARTS
        assert event.decoded("DTEND") - STARTS == timedelta(minutes=50)
        assert "DTSTAMP" in event and "DESCRIPTION" not in event
    print("calendar: read as it was meant")


if __name__ == "__main__":
    main()
