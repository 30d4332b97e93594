"""Git itself: processes, objects, the store, remotes. It knows nothing of images."""
