"""The report: notebooks executed on one study, and a site in one folder with the answer first."""
