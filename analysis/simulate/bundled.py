"""The scenarios that come with the package: the bundled trial, and variants that test methods."""

from __future__ import annotations

from dataclasses import replace

from analysis.simulate.scenario import Companion, Harm, Scale, Scenario, Treatment

BUNDLED_SEED = 20260
"""Seed of the bundled simulated trial: the same trial on every machine."""

_NEEDLE = (  # measured together, C7: 9.3 % of persons over a course; about half bleeding
    Harm("bleeding or bruise at a needle", 0.048),
    Harm("pain at a needle or flare of pain", 0.045),
)
# Marks of cupping are part of the therapy and are not written down as events. Assumptions, C7.
_CUPS = (Harm("soreness after cupping", 0.06), Harm("blister or burn from a cup", 0.015))

FUNCTION = Companion(
    scale=Scale("function", "Disability", "RMDQ"),
    # Enrolled people then have a mean near 10 and an SD near 5 (measured, C1).
    mean=7.7,
    sd=5.8,
    # Enrolled: 0.47 at baseline and about 0.6 later (measured for ODI, C8).
    with_pain=0.67,
    with_pain_later=0.60,
    stability=((2.0, 0.65), (4.0, 0.60), (8.0, 0.55), (52.0, 0.50)),  # measured, C2, from week 8
    effect_share=0.8,  # assumption, C4
)
ANXIETY = Companion(
    scale=Scale("anxiety", "Anxiety", "PROMIS_ANXIETY", 10),
    mean=52.0,  # assumption
    sd=9.0,  # assumption
    with_pain=0.38,  # enrolled: 0.24 (measured, C8)
    with_pain_later=0.23,  # measured, C8
    stability=((2.0, 0.70), (8.0, 0.62), (52.0, 0.55)),  # assumption
    effect_share=0.3,  # assumption
)

_DESCRIPTION = (
    "Simulated data: no patient stands behind any row. Eight therapies for chronic low back pain, "
    "90 patients an arm, all with pain of 4 or more at entry, followed for a year. Effects, fading "
    "and loss to follow-up are set from published trials where they report them, and from stated "
    "assumptions elsewhere; the true values are in truth.csv."
)


def bundled_scenario() -> Scenario:
    """Return the scenario of the bundled trial in `data/simulated`.

    Effects against usual care and the shares kept at weeks 26 and 52 are the defaults of C4 (each
    a choice within what trials measured; wet cupping and the shares of cupping are assumptions,
    and so is 0.7 x the sum of both parts for the combination). Courses lie within C5 and end by
    week 8, so that week 12 is short term on both clocks: within 14 weeks of randomisation and one
    month after treatment.
    """
    return Scenario(
        title="Eight therapies for chronic low back pain (simulated)",
        description=_DESCRIPTION,
        treatments=(
            # C6: other therapy 20 % (assumption), log odds of loss 0.3 higher (assumption)
            Treatment("Usual care", other_therapy=0.20, loss_log_odds=0.3),
            Treatment("Sham acupuncture", -1.0, 8.0, 12, (0.60, 0.35),
                      harms=(Harm("pain or bruise at a sham needle", 0.04),)),
            Treatment("Acupuncture", -1.2, 8.0, 12, (0.80, 0.65), harms=_NEEDLE),
            Treatment("Dry cupping", -1.5, 6.0, 6, (0.50, 0.30), harms=_CUPS),
            Treatment("Wet cupping (hijama)", -1.8, 4.0, 3, (0.50, 0.25),
                      harms=(Harm("scar", 0.03), Harm("faint", 0.02),
                             Harm("skin infection", 0.005, 0.2), *_CUPS[:1])),
            Treatment("Massage", -1.5, 8.0, 8, (0.50, 0.20),
                      harms=(Harm("soreness after massage", 0.10),)),
            Treatment("Acupuncture with dry cupping", -1.9, 8.0, 12, (0.50, 0.30),
                      harms=(*_NEEDLE, *_CUPS)),
            Treatment("Exercise", -1.0, 8.0, 14, (0.70, 0.50),
                      harms=(Harm("muscle soreness or flare of pain", 0.12),)),
        ),
        companions=(FUNCTION, ANXIETY),
    )  # fmt: skip


def null_scenario() -> Scenario:
    """Return the bundled trial with therapies that do nothing: every contrast is zero."""
    bundled = bundled_scenario()
    treatments = tuple(
        replace(treatment, effect=0.0, other_therapy=0.10, loss_log_odds=0.0)
        for treatment in bundled.treatments
    )
    return replace(
        bundled,
        title="Eight therapies without effect (simulated)",
        description=(
            "Simulated data: no patient stands behind any row. No therapy does anything; pain "
            "falls because people entered with pain of 4 or more."
        ),
        treatments=treatments,
    )


def informative_loss_scenario() -> Scenario:
    """Return the bundled trial with loss that depends on pain nobody sees, 25 % by week 52."""
    bundled = bundled_scenario()
    missing = tuple((week, 1.25 * share) for week, share in bundled.loss.missing)
    return replace(
        bundled,
        title="Eight therapies, loss not at random (simulated)",
        description=f"{bundled.description} Loss depends on pain that nobody sees.",
        loss=replace(bundled.loss, missing=missing, unseen_pain=0.5),
    )
