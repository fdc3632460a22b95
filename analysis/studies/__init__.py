"""Study files: what a study is, said in YAML before its outcome is read, as typed and frozen records."""
