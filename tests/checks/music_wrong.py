"""Wrong answers to the tasks on data, features and measures of the unit on music."""

WRONG: dict[str, list] = {}
