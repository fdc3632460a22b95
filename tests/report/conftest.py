"""What the tests of this folder share: the report of the hostile study."""

from hostile_study import hostile_report  # noqa: F401 - a fixture
