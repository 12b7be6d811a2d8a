"""The programme; a file for each thing that can go wrong."""

from stage.scene import SCENES

from . import node, ptp, logs, check, marker, machineconfig, time  # noqa: F401, I001 they are played in this order

__all__ = ["SCENES"]
