"""A plan under the limits people have: what each does to (N, D), and one solver for every combination."""
