"""Who watches a training: the stage tells, it never asks, and nothing an observer does changes the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol


class Observer(Protocol):
    """Receives the course of a training, also of a resumed one."""

    def start(self, params: Mapping[str, str | float | int], tags: Mapping[str, str]) -> None:
        """The training begins, or goes on after an interruption."""

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch (counted from 1) is complete."""

    def end(self, status: Literal["finished", "failed"]) -> None:
        """The training ended."""


class NoObserver:
    """Nobody watches."""

    def start(self, params: Mapping[str, str | float | int], tags: Mapping[str, str]) -> None:
        del params, tags

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        del epoch, metrics

    def end(self, status: Literal["finished", "failed"]) -> None:
        del status
