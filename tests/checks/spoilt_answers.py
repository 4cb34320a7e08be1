"""Ways to spoil a right answer, for the lists of wrong ones."""


def in_place(function):
    """The same result, with what came in changed on the way."""

    def changed(first, *others):
        result = function(first, *others)
        first *= 0.5
        return result

    return changed


def stub(*inputs, **named):
    raise NotImplementedError("write this part")


def as_list(function):
    return lambda *inputs: function(*inputs).tolist()


def after(function, then):
    """The right result, and then something done to it."""
    return lambda *inputs: then(function(*inputs))
