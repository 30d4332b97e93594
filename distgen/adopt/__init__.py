"""`distgen adopt`: downstream edits become files of overlays."""
