"""Pre-trained weights that can't be had."""


class WeightsError(RuntimeError):
    """Pre-trained weights are out of reach, or not of the format that the network needs."""


def unreachable(what: str, error: Exception, local: str) -> WeightsError:
    """The error to raise when the hub doesn't give `what`. `local`: what a path in its place must lead to."""
    return WeightsError(
        f"the weights of {what} are neither in the cache nor to be had from the Hugging Face hub "
        f"({type(error).__name__}). Connect to the internet (and unset HF_HUB_OFFLINE); or download them elsewhere "
        f"and give weights=PATH, {local}; or train from scratch with weights=None."
    )
