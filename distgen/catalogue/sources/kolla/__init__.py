"""Kolla's images: its installed templates and a namespace's settings become whole trees."""
