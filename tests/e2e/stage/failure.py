"""What ends a scene, or the whole run."""


class Failure(Exception):
    """Something is not as it should be; the text says what was expected and what was there."""


class Missing(Exception):
    """The stage cannot be built here; the text names what is missing."""
