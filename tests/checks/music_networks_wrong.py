"""Wrong answers to the tasks on networks and what is made of them of the unit on music."""

WRONG: dict[str, list] = {}
