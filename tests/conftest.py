"""How properties are tested here: the same examples every time, however busy the machine."""

from hypothesis import settings

# a failure belongs to a change and not to the day; and nothing in the suite is timed
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")
