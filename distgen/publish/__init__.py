"""`distgen publish`, `status` and `diff`: plans, downstream edits, commits, pushes, orphans."""
