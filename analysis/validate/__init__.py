"""Validation: every rule looks at the whole trial, and all findings come back at once."""
