"""Every path the program opens: runs, experiment configs, law files, and what it writes."""
