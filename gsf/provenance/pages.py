"""The tables of a study where people meet them: on its own page, in `results/README.md` and in the README.md."""

from __future__ import annotations


def page_tables(page: str) -> str:
    """The tables of a study's page, as `study_page` wrote them; empty for another page."""
    lines = page.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("**")), None)
    if start is None:
        return ""
    shown = (line.startswith(("**", "|")) or not line for line in lines[start:])
    end = next((start + i for i, line in enumerate(shown) if not line), len(lines))
    return "\n".join(lines[start:end]).rstrip()


def markers(study: str) -> tuple[str, str]:
    """What stands in README.md before and after the tables of a study."""
    return f"<!-- results:{study} -->", f"<!-- /results:{study} -->"


def index_title(study: str) -> str:
    """What stands in `results/README.md` before the tables of a study."""
    return f"## [{study}]({study}/README.md)"
