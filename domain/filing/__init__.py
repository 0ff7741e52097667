"""Files of people, and what a character is given to look at. Read `model` and `ports` first."""
