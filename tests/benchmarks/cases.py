"""What is measured: data, methods, number of runs and target of each row."""

from __future__ import annotations

from dataclasses import dataclass, field

from trials import reference


@dataclass(frozen=True, slots=True)
class Trial:
    """A data set and its model.

    `patients` is how many are made; 0 where the data are a reference data set.
    """

    name: str
    formula: str = "y ~ base * visit + arm * visit"
    subject: str = "id"
    visit: str = "visit"
    arm: str = "arm"
    patients: int = 0

    @property
    def there(self) -> bool:
        """Whether the data can be had."""
        return bool(self.patients) or reference(self.name) is not None

    @property
    def outcome(self) -> str:
        """Column of the outcome."""
        return self.formula.split("~")[0].strip()


FEV = Trial("fev", "FEV1 ~ RACE + SEX + ARMCD * AVISIT", "USUBJID", "AVISIT", "ARMCD")
BCVA = Trial("bcva", "BCVA_CHG ~ BCVA_BL + RACE + ARMCD * AVISIT", "USUBJID", "AVISIT", "ARMCD")


def made(patients: int) -> Trial:
    """A made trial."""
    return Trial(f"{patients:,} patients", patients=patients)


@dataclass(frozen=True, slots=True)
class Case:
    """A row of ours.

    Attributes
    ----------
    name, label : str
    trial : Trial
    kind : {"chain", "first", "leave-out", "jackknife", "parquet", "many", "draws"}
        How it is run; see `chains`.
    runs : int
        Of which the shortest counts.
    seconds, gigabytes : float, optional
        Targets.
    options : dict
        Of `MMRM.fit`.
    covariance : str
    large : bool
        Left out of a short run.
    """

    name: str
    label: str
    trial: Trial
    kind: str = "chain"
    runs: int = 1
    seconds: float | None = None
    gigabytes: float | None = None
    options: dict[str, str] = field(default_factory=dict)
    covariance: str = "us"
    large: bool = False


KR = {"df": "kenward-roger"}
MANY = 10_000
DRAWS = 1_000

CASES = (
    Case("fev", "FEV", FEV, runs=30, seconds=0.010),
    Case("fev-first", "FEV, first fit of the session", FEV, "first", runs=5),
    Case("fev-kr", "FEV, Kenward-Roger", FEV, runs=30, seconds=0.012, options=KR),
    Case("fev-cs", "FEV, compound symmetry", FEV, runs=30, covariance="cs"),
    Case("fev-leave-out", "FEV, a refit without one patient", FEV, "leave-out", runs=5,
         seconds=0.002),
    Case("bcva", "BCVA", BCVA, runs=10, seconds=0.1),
    Case("bcva-kr", "BCVA, Kenward-Roger", BCVA, runs=10, seconds=0.2, options=KR),
    Case("bcva-cr2", "BCVA, CR2 sandwich with its degrees of freedom", BCVA, runs=5, seconds=0.5,
         options={"vcov": "CR2"}),
    Case("bcva-cs", "BCVA, compound symmetry", BCVA, runs=10, covariance="cs"),
    Case("5k", "5,000 patients", made(5_000), runs=10),
    Case("5k-cs", "5,000 patients, compound symmetry", made(5_000), runs=5, covariance="cs"),
    Case("50k", "50,000 patients", made(50_000), runs=5, seconds=0.4),
    Case("200k", "200,000 patients", made(200_000), runs=3, seconds=1.5, large=True),
    Case("1m", "1,000,000 patients", made(1_000_000), runs=2, seconds=6.0, gigabytes=2.0,
         large=True),
    Case("1m-parquet", "1,000,000 patients, from Parquet batches", made(1_000_000), "parquet",
         runs=2, seconds=6.0, gigabytes=1.0, large=True),
    Case("20k-jackknife", "20,000 patients, imputed with a jackknife", made(20_000), "jackknife",
         seconds=30.0, gigabytes=1.0, large=True),
    Case("many", f"{MANY:,} simulated trials of 200 patients, two processes", made(200), "many",
         seconds=60.0, large=True),
    Case("draws", f"{DRAWS:,} bootstrap draws of 500 patients × 5 visits, two processes", made(500),
         "draws", seconds=20.0),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Peer:
    """Another program's row.

    Attributes
    ----------
    program, label : str
        Who, and what is run.
    call : str
        Its name in `mixedlm.py` or `peers.R`.
    against : str
        The case of ours it is compared with.
    runs : int
    large : bool
        Left out of a short run.
    """

    program: str
    label: str
    call: str
    against: str
    runs: int = 1
    large: bool = False


PEERS = (
    Peer("statsmodels", "MixedLM, random intercept", "intercept", "fev-cs", 5),
    Peer("statsmodels", "MixedLM, a random effect a visit", "visits", "fev"),
    Peer("statsmodels", "MixedLM, random intercept", "intercept", "bcva-cs"),
    Peer("statsmodels", "MixedLM, random intercept", "intercept", "5k-cs"),
    Peer("mmrm", "mmrm", "satterthwaite", "fev", 10),
    Peer("mmrm", "mmrm", "kenward-roger", "fev-kr", 10),
    Peer("nlme", "gls, residual df", "gls", "fev", 5),
    Peer("lme4", "lmer, a random effect a visit, no df", "lmer", "fev", 5),
    Peer("mmrm", "mmrm", "satterthwaite", "bcva", 3),
    Peer("mmrm", "mmrm", "kenward-roger", "bcva-kr"),
    Peer("mmrm", "mmrm, one coefficient in place of all", "cr2", "bcva-cr2", large=True),
    Peer("nlme", "gls, residual df", "gls", "bcva", large=True),
    Peer("lme4", "lmer, a random effect a visit, no df", "lmer", "bcva", large=True),
    Peer("mmrm", "mmrm", "satterthwaite", "5k", 3),
    Peer("mmrm", "mmrm", "satterthwaite", "50k"),
    Peer("mmrm", "mmrm", "satterthwaite", "200k", large=True),
)


def case_named(name: str) -> Case:
    """The case of this name."""
    return next(case for case in CASES if case.name == name)
