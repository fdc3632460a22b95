"""A file in which every cell is a secret, except the therapies and the visits."""

from __future__ import annotations

import pandas as pd

THERAPIES = ("Usual care", "Massage")
VISITS = (("baseline", 0), ("week 8", 8), ("week 26", 26))


def secret_rows(patients: int = 8) -> tuple[pd.DataFrame, set[str]]:
    """Rows of a long file, and every text in them that may not be repeated anywhere.

    Returns
    -------
    tuple of DataFrame and set
        Names, dates, numbers and remarks that no other file would hold.
    """
    rows, secrets = [], set()
    for n in range(patients):
        person = {
            "patient_id": f"ZQ-{7311 + 13 * n}", "Name": f"Xanthippe{n} Quux", "e-mail": f"q{n}@secret.test",
            "date of birth": f"19{40 + n}-03-{11 + n}", "arm": THERAPIES[n % 2],
            "age": 41.0017 + n, "sex": f"sex{n}quux", "city": f"Quuxville {n}",
        }  # fmt: skip
        for visit, week in VISITS:
            more = {
                "visit": visit, "visit date": f"2023-0{1 + n % 9}-{10 + week % 15}",
                "pain": (4.0003 + 0.5011 * n + week / 17) % 9, "remark": f"quux saw {n} at {week}",
            }  # fmt: skip
            rows.append(person | more)
            secrets |= {f"{more['pain']:g}", str(more["remark"]), str(more["visit date"])}
        secrets |= {str(v) for k, v in person.items() if k != "arm"}
    return pd.DataFrame(rows), secrets
