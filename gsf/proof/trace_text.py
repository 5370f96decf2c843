"""A trace as text: a column of steps, from a number down to the videos."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from gsf.proof.trace import Elsewhere, File, Roots, Step, Trace

_FIRST = 5  # videos named without --videos
_FILES = 4  # files named of many that are alike


def render(trace: Trace) -> str:
    """The text of a trace."""
    stages = {step.receipt: step.stage for step in trace.steps}
    lines = list(_head(trace))
    for group in alike(trace.steps):
        lines += ["|", *_step_lines(group, stages)]
    for roots in trace.roots:
        lines += ["|", *_video_lines(roots, all_videos=trace.all_videos)]
    for weights in trace.weights:
        lines += ["|", *_weights_lines(weights)]
    if trace.missing:
        lines += ["", "Not here, so the way down ends at them:", *(f"  receipt {line}" for line in trace.missing)]
    if trace.rests_on_it:
        shown = [*trace.rests_on_it[:12], *(["..."] if len(trace.rests_on_it) > 12 else [])]
        lines += ["", f"{len(trace.rests_on_it)} rest on it: {', '.join(shown)}"]
    lines += ["", "[x] is here, [ ] is absent here. `gsf verify --deep` checks the bytes of what is here."]
    return "\n".join(lines) + "\n"


def _head(trace: Trace) -> Iterator[str]:
    if trace.cell is None:
        yield f"{trace.kind} {trace.target}"
        return
    cell = trace.cell
    yield f"{cell.name} = {cell.value} of {cell.n} videos"
    yield f"  results/{cell.study}/results.json, receipt {_short(cell.receipt)}"


def alike(steps: Sequence[Step]) -> list[list[Step]]:
    """Neighbouring steps that differ in their shard only, together."""
    groups: list[list[Step]] = []
    for step in steps:
        last = groups[-1][0] if groups else None
        if last and _kind(step) == _kind(last) in ("plan", "extract") and _ran(step) == _ran(last):
            groups[-1].append(step)
        else:
            groups.append([step])
    return [sorted(group, key=lambda step: step.stage) for group in groups]


def _kind(step: Step) -> str:
    return step.stage.split("@")[0]


def _ran(step: Step) -> tuple[object, ...]:
    return step.command.split()[:3], step.params, step.code, step.tools, step.environment


def _step_lines(group: Sequence[Step], stages: dict[str, str]) -> Iterator[str]:
    first, last = group[0], group[-1]
    if len(group) == 1:
        yield f"+- {first.stage}   receipt {_short(first.receipt)}"
    else:
        yield f"+- {first.stage} .. {last.stage}   {len(group)} stages alike but for their shard"
        digests = [_short(step.receipt) for step in group]
        yield f"|    receipts {', '.join(digests[:_FILES])}" + (" ..." if len(digests) > _FILES else "")
    yield f"|    command  {first.command}" + (f"   (and {len(group) - 1} more)" if len(group) > 1 else "")
    for path, values in first.params.items():
        yield f"|    params   {path}: {_values(values)}"
    seed = f", seed {first.seed}" if first.seed is not None else ""
    yield f"|    code     {_short(first.code)} ({first.modules} modules){seed}, lock {_short(first.environment)}"
    yield f"|    tools    {', '.join(f'{name} {version}' for name, version in first.tools.items())}"
    facts = {key: value for key, value in first.facts.items() if len(group) == 1 or _same(group, key)}
    if facts:
        yield f"|    facts    {_values(facts)}"
    yield from _file_lines("read", [item for step in group for item in step.inputs], stages, show_origin=True)
    yield from _file_lines("wrote", [item for step in group for item in step.outputs], stages, show_origin=False)


def _same(group: Sequence[Step], key: str) -> bool:
    return all(step.facts.get(key) == group[0].facts.get(key) for step in group)


def _file_lines(title: str, files: Sequence[File], stages: dict[str, str], *, show_origin: bool) -> Iterator[str]:
    """Files one a line; of many in one folder the first few and a count."""
    folders: dict[str, list[File]] = {}
    for file in files:
        folders.setdefault(file.path.rpartition("/")[0], []).append(file)
    for folder, here in folders.items():
        for file in here[:_FILES]:
            origin = stages.get(file.receipt, "a receipt that is not here") if file.receipt else "no stage: a root"
            line = f"|    {title:<8} [{'x' if file.here else ' '}] {file.path}  {_short(file.sha256)}"
            yield f"{line}  from {origin}" if show_origin else line
        if len(here) > _FILES:
            present = sum(file.here for file in here)
            yield f"|    {title:<8} ... {len(here) - _FILES} more in {folder}; {present} of {len(here)} here"


def _video_lines(roots: Roots, *, all_videos: bool) -> Iterator[str]:
    yield f"+- {roots.count} videos of {roots.benchmark}   digest {_short(roots.digest)}"
    if roots.folder is not None:
        yield f"     folder   {roots.folder}"
    if not roots.listed:
        yield "     their inventory is not here: `dvc pull`, or `dvc repro`"
        return
    present = sum(video.here for video in roots.rows)
    yield f"     here     {present} of {len(roots.rows)}"
    shown = roots.rows if all_videos else roots.rows[:_FIRST]
    for video in shown:
        mark = "x" if video.here else " "
        yield f"     [{mark}] {video.id}  sha256 {video.sha256}  {video.bytes} bytes, shard {video.shard}"
    if len(roots.rows) > len(shown):
        yield f"     ... {len(roots.rows) - len(shown)} more: `--videos` names all"


def _weights_lines(weights: Elsewhere) -> Iterator[str]:
    yield f"+- {weights.kind} from elsewhere: {weights.name}   sha256 {weights.sha256}"
    yield f"     read by  {weights.stage}"
    if not weights.here:
        yield f"     [ ] is not here: {weights.params} says where it lies"
    elif weights.agrees:
        yield f"     [x] {weights.place} has this sha256"
    else:
        yield f"     [!] {weights.place} is another file: its sha256 is not this one"


def _values(values: dict[str, object]) -> str:
    return _fit(f"{key}={json.dumps(value, sort_keys=True, ensure_ascii=False)}" for key, value in values.items())


def _fit(parts: Iterable[str]) -> str:
    text = ", ".join(parts)
    return text if len(text) <= 300 else text[:297] + "..."


def _short(digest: str) -> str:
    return digest[:12]
