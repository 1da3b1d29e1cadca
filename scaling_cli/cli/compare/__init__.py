"""``scaling compare``: one file per sub-command; ``group`` names them."""
