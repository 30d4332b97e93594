"""`distgen report`: what a change does to all images, as a folder of static pages."""
