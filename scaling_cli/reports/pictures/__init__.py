"""Pictures: a result → one neutral Picture (what is drawn, and what it means) → png, svg, pdf or text."""
