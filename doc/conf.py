"""Sphinx settings of the documentation."""

project = "distgen"
author = "the distgen authors"
copyright = author
extensions: list[str] = []
templates_path: list[str] = []
exclude_patterns = ["_build", "changes/*"]
html_theme = "furo"
html_title = "distgen"
html_static_path = ["_static"]
html_css_files = ["distgen.css"]
html_theme_options = {"source_edit_link": ""}
highlight_language = "text"
nitpicky = True
smartquotes_action = "q"  # a dash is two dashes where it stands before an option
