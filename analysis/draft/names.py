"""Words by which columns give themselves away, in the languages that exports come in."""

from __future__ import annotations

import re
import unicodedata

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER = re.compile(r"[^a-z0-9]+")
_UNIT = re.compile(r"(?<=[a-z])(?=[0-9])|(?<=[0-9])(?=[a-z])")

_ID = "id|ids|no|nr|num|number|nummer|code|identifier|key|ref|reference"
_PERSON = (
    "patient|patienten|patienten|patientin|pat|subject|subj|participant|proband|probanden|record|"
    "study|case|pt|person|respondent|external data|external|teilnehmer|paciente|sujet|numero"
)

# Which role a name suggests, strongest first within a role; matched against `words`.
ROLES: dict[str, tuple[str, ...]] = {
    "patient": (
        r"usubjid", rf"({_PERSON}) ?({_ID})( patient)?", r"(your )?study number|subjid|ptid|patid|pid|seqn",
        r"patient|subject|participant|proband|patientennr", r"id", r"case|record|person|code",
    ),
    "therapy": (
        r"trt ?01 ?p", r"trt ?p", r"actarm|arm|armcd|study arm|treatment arm|trial arm",
        r"(treatment|therapy|therapie|behandlung|traitement|tratamiento|treat|trt)"
        r"( group| arm| assigned| name| allocation)?",
        r"allocation|allocated|allocated (to|therapy|treatment)|assignment|assigned|randomi[sz]ed to|"
        r"randomi[sz]ation|randomi[sz]ation group",
        r"group|gruppe|groupe|grupo|treatment group|study group|intervention|condition|bras|brazo",
    ),
    "visit": (
        r"avisit", r"redcap event name|event name|visit( name| label)?|visite|besuch|termin",
        r"time ?point|zeitpunkt|assessment|occasion|wave|follow ?up|visit ?(num|number|nr|no)",
        r"(week|weeks|woche|semaine|semana|month|months|monat|mois|mes)( nr| no| number)?",
        r"time|day|days|tag|session|moment|period|a?visit ?n ?[0-9]*|ady",
    ),
    "measure": (r"paramcd", r"param|parameter|measure|scale|instrument|questionnaire|outcome( name)?|test"),
    "value": (r"aval", r"value|score|result|wert|response|answer"),
    "site": (r"(study )?(site|centre|center|zentrum|klinik|clinic|hospital|practice)( ?(id|code|no|nr))?",),
    "therapist": (r"(therapist|practitioner|acupuncturist|provider|therapeut|behandler)( ?(id|code))?",),
    "age": (r"age|alter|age at (contact|baseline|entry|randomi[sz]ation|enrol?lment)|age (years|yrs)|edad",),
    "sex": (r"(pat |patient )?(sex|gender|geschlecht|sexe|sexo)",),
}  # fmt: skip
_ROLE = {role: tuple(re.compile(part) for part in parts) for role, parts in ROLES.items()}

# Columns that may say who a patient is: never used as anything, and named so that they are removed.
_IDENTIFYING = re.compile(
    r"\b(name|first name|last name|surname|vorname|nachname|nom|prenom|nombre|apellido|initials?|"
    r"e ?mail|mail|phone|telephone|telefon|mobile|handy|address|adresse|street|strasse|postcode|"
    r"post code|zip|plz|birth|birthday|birthdate|dob|geburt\w*|naissance|nacimiento|ssn|nhs|mrn|"
    r"insurance|versicher\w*|passport|ip address|latitude|longitude|recipient\w*)\b"
)
_NOT_IDENTIFYING = re.compile(r"\b(event|form|file|drug|instrument|test|visit|arm|group) name\b")
_STARTS = re.compile(
    r"random|\bstart|enrol|inclusion|consent|aufnahme|einschluss|trtsdt|baseline|entry|begin"
)
_DERIVED = re.compile(
    r"\b(change|chg|delta|diff\w*|pchg|percent|pct|total(s|fu)?|completer|response|responder)\b"
)
_BASELINES = re.compile(r"\b(base|baseline|basval|basvalue|bl|bas val)\b")
_RANDOM = re.compile(r"random|alloc")


def words(name: str) -> str:
    """A name in small letters without accents, its parts set apart by one space."""
    apart = _CAMEL.sub(" ", name)
    plain = unicodedata.normalize("NFKD", apart.replace("ß", "ss"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return _OTHER.sub(" ", plain.casefold()).strip()


def apart(name: str) -> str:
    """The words of a name with letters and digits set apart too: "w12" becomes "w 12"."""
    return _UNIT.sub(" ", words(name))


def role_rank(name: str, role: str) -> int | None:
    """How well a name fits a role: 0 is best, None is not at all."""
    plain = words(name)
    for rank, pattern in enumerate(_ROLE[role]):
        if pattern.fullmatch(plain):
            return rank
    return None


def identifies(name: str) -> bool:
    """Whether a column may say who the patient is."""
    plain = words(name)
    return bool(_IDENTIFYING.search(plain)) and not _NOT_IDENTIFYING.search(plain)


def is_start(name: str) -> bool:
    """Whether a date may be that of randomisation or entry."""
    return bool(_STARTS.search(words(name)))


def is_derived(name: str) -> bool:
    """Whether a column may be computed from others: changes, totals, responses."""
    return bool(_DERIVED.search(words(name)))


def is_baseline(name: str) -> bool:
    """Whether a column may hold a baseline that is repeated on every row."""
    return bool(_BASELINES.search(words(name)))


def speaks_of_chance(name: str) -> bool:
    """Whether a name says that therapies were drawn by lot."""
    return bool(_RANDOM.search(words(name)))


def slug(text: str, taken: set[str]) -> str:
    """A short name as study files want them, different from those taken."""
    base = re.sub(r"[^a-z0-9]+", "_", words(text)).strip("_")[:36]
    if not base or not base[0].isalpha():
        base = f"m_{base}".rstrip("_")
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    taken.add(name)
    return name
