"""The colours of eight hours of the day."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Weather:
    """The colours of an hour of the day, as hex codes, and the colour of its light."""

    zenith: str
    horizon: str
    cloud: str
    cloud_shade: str
    sun: str
    far_water: str
    near_water: str
    far_land: str
    near_land: str
    sand: str
    light: tuple[float, float, float]


WEATHERS = {
    "noon": Weather("2f7fc9", "bfe3f2", "ffffff", "b9c9da", "fffbe6", "7fc4d6", "11698e",
                    "8fb3c4", "4c8b4f", "ecd8a8", (1.0, 1.0, 1.0)),
    "morning": Weather("6aaed6", "fde9cf", "fffaf0", "d7cfd3", "fff3c9", "bcd9d6", "3c8d93",
                       "a9bcc0", "6f9a58", "eadbb6", (1.0, 0.98, 0.93)),
    "golden": Weather("5b8fb9", "ffd89a", "fff0cf", "d9a27c", "fff1b8", "f1cf9b", "3d7c89",
                      "b79f8d", "8a8f3f", "e5bf83", (1.03, 0.95, 0.82)),
    "sunset": Weather("35477d", "ff9a62", "ffc08a", "8a5a7d", "ffe08a", "e89a74", "3a4a75",
                      "8a6680", "4a4f4a", "b98e78", (1.0, 0.86, 0.78)),
    "dusk": Weather("5c6fa8", "f6c6cf", "fbdfe3", "a293b8", "ffe9d6", "d9bfd0", "566fa0",
                    "98a0bf", "5d7a6c", "cdb9b4", (0.93, 0.88, 0.95)),
    "overcast": Weather("8d9fad", "d6dee0", "eef1f1", "a5b1b9", "f4f4ee", "b4c4c8", "5c7c86",
                        "9fadb0", "6b8560", "cfc4a8", (0.92, 0.94, 0.95)),
    "mistral": Weather("1f5fa8", "a8dcec", "ffffff", "a9c3dd", "ffffff", "57b8c9", "0b4f7d",
                       "86a0a8", "7a8b45", "f0dcb0", (1.02, 1.01, 0.98)),
    "lagoon": Weather("46a5d8", "d6f3ee", "ffffff", "c5dbe2", "fffdf0", "8fdccb", "12a0a6",
                      "93b9ae", "3f8f5f", "f6e7c4", (1.02, 1.02, 1.0)),
}  # fmt: skip
