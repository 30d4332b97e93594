"""An image and the lock become a tree and its manifest. Pure."""
