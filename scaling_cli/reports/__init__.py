"""A result becomes one Report; a Report becomes a terminal table, JSON, CSV or Markdown."""
