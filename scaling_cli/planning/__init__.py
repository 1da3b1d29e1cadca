"""A law and what is known of a plan become the rest of the plan, and what it wastes."""
