"""What a scaling law is: the forms, their closed solutions, and the published constants."""
