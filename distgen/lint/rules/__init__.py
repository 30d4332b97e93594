"""What distgen itself checks of a tree."""
