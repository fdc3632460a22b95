"""Readers: one function a file format, one `Table` whatever the format was."""
