"""Right answers to the tasks on networks and what is made of them of the unit on music."""

RIGHT: dict[str, list] = {}
