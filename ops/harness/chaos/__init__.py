"""A whole Parley under load and under faults, and the question whether it kept its promises."""
