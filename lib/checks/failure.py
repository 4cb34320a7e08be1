"""The one exception of a check: a short text for a student in place of a traceback."""


class CheckFailed(AssertionError):
    """What is wrong with an answer, in a sentence or two.

    IPython shows the text alone. It still is an error, so a grader that runs the cell gives no points.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython prints in place of a traceback."""
        return str(self).splitlines()


def expect(condition: bool, message: str) -> None:
    """Go on when `condition` holds.

    Raises
    ------
    CheckFailed
        With `message`, when it does not.
    """
    if not condition:
        raise CheckFailed(message)
