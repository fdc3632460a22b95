"""A trial in the house's own tables, and how a study file and its data become one."""
