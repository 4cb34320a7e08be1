"""Right answers to the tasks on data, features and measures of the unit on music."""

RIGHT: dict[str, list] = {}
