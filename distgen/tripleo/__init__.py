"""The files of TripleO's tools: container image templates, lists of images, Heat environments."""
