"""`distgen propose`: reviews in place of pushes."""
