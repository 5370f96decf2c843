"""`params/about/*.yaml`: what a data set's description says and no stage knows: licence, citation, who made it.

In a file of its own, not in the benchmark's: nothing is computed from it, so no stage depends on it.
"""

from __future__ import annotations

import datetime
from typing import Literal

from pydantic import Field

from gsf.params.base import Strict, load
from gsf.project import Project


class Creator(Strict):
    """Who made a data set."""

    name: str
    kind: Literal["person", "organization"]


class About(Strict):
    """What is stated of one benchmark; what is not stated stays unknown."""

    name: str
    description: str | None = None
    url: str | None = Field(default=None, pattern=r"^https?://")  # its page
    licence: str | None = None  # a URL, or a name of SPDX such as CC-BY-4.0
    citation: str | None = None  # text or BibTeX
    creators: list[Creator] = Field(default_factory=list)
    published: datetime.date | None = None
    version: str | None = None


def read_about(project: Project, benchmark: str) -> About:
    """What is stated of a benchmark; nothing but its name where there is no file."""
    path = project.params_file("about", benchmark)
    return load(About, path) if path.is_file() else About(name=benchmark)
