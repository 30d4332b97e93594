"""Everything up to an image: templates, overlays, streams, and images from other sources."""
