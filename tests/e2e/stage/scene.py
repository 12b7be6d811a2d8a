"""A scene: a function that plays on the stage, and its first sentence."""

from collections.abc import Callable
from typing import NamedTuple


class Scene(NamedTuple):
    name: str
    title: str
    play: Callable


SCENES = {}


def scene(function):
    """Enters a function into the programme."""
    name = function.__name__.replace("_", "-")
    assert name not in SCENES, name
    SCENES[name] = Scene(name, function.__doc__.strip().split("\n\n")[0].replace("\n    ", " "), function)
    return function
