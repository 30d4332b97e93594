"""`distgen lint`: rules, external linters, findings and their reports."""
