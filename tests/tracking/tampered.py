"""What may be changed in MLflow, and what the check must say of it: of runs, registered models and the database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.tracking.fabricated import BENCHMARK

RUN, NAME = "gsf-s0", "demo.gsf-s0"
GSF = "(SELECT run_uuid FROM runs WHERE name = 'gsf-s0')"

ANOTHER_ID = "CASE substr(run_uuid, 1, 1) WHEN 'd' THEN 'e' ELSE 'd' END || substr(run_uuid, 2)"
COPY_OF_RUN = (
    "INSERT INTO runs (run_uuid, name, status, lifecycle_stage, experiment_id, artifact_uri, start_time, user_id)"
    f" SELECT {ANOTHER_ID}, name, status, lifecycle_stage, experiment_id, artifact_uri, start_time + 1,"
    " user_id FROM runs WHERE name = 'gsf-s0'"
)

# what is done to the database; the link that must be named; a word of what is said; a word of the remedy
TAMPERED = {
    "metric of an evaluation": (
        f"UPDATE latest_metrics SET value = 0.99 WHERE key = '8x1x1.top1' AND run_uuid = {GSF};"
        f"UPDATE metrics SET value = 0.99 WHERE key = '8x1x1.top1' AND run_uuid = {GSF}",
        ("metrics/8x1x1.top1", "is 0.99, must be 0.75", "rebuild"),
    ),
    "metric of an evaluation in the table alone": (
        f"UPDATE latest_metrics SET value = 0.99 WHERE key = '8x1x1.top1' AND run_uuid = {GSF}",
        ("metrics/8x1x1.top1", "is 0.99, must be 0.75", "rebuild"),
    ),
    "metric of an evaluation in the history alone": (
        f"UPDATE metrics SET value = 0.99 WHERE key = '8x1x1.top1' AND run_uuid = {GSF}",
        ("metrics/8x1x1.top1", "is 0.99, must be 0.75", "rebuild"),
    ),
    "deleted metric": (
        f"DELETE FROM latest_metrics WHERE key = '8x1x1.top5' AND run_uuid = {GSF};"
        f"DELETE FROM metrics WHERE key = '8x1x1.top5' AND run_uuid = {GSF}",
        ("metrics/8x1x1.top5", "is missing", "sync"),
    ),
    "invented metric": (
        f"INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) SELECT '9x9x9.top1', 1, 1, {GSF}, 0, 0;"
        "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan)"
        f" SELECT '9x9x9.top1', 1, 1, {GSF}, 0, 0",
        ("metrics/9x9x9.top1", "neither journal nor receipt", "rebuild"),
    ),
    "point of a curve": (
        f"UPDATE metrics SET value = 0.99 WHERE key = 'val_top1' AND step = 2 AND run_uuid = {GSF}",
        ("metrics/val_top1", "is 0.99 at step 2, must be", "rebuild"),
    ),
    "end of a curve in the table alone": (
        f"UPDATE latest_metrics SET value = 0.99 WHERE key = 'val_top1' AND run_uuid = {GSF}",
        ("metrics/val_top1", "table shows 0.99", "rebuild"),
    ),
    "deleted point": (
        f"DELETE FROM metrics WHERE key = 'val_top1' AND step = 2 AND run_uuid = {GSF}",
        ("metrics/val_top1", "lacks step 2", "sync"),
    ),
    "doubled point": (
        "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)"
        f" SELECT key, value, timestamp + 1, run_uuid, step, is_nan FROM metrics WHERE key = 'val_top1' AND step = 2"
        f" AND run_uuid = {GSF}",
        ("metrics/val_top1", "step 2 more than once", "rebuild"),
    ),
    "invented point": (
        "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)"
        f" SELECT key, value, timestamp, run_uuid, 9, is_nan FROM metrics WHERE key = 'val_top1' AND step = 3"
        f" AND run_uuid = {GSF}",
        ("metrics/val_top1", "step 9, of which nothing tells", "rebuild"),
    ),
    "parameter": (
        f"UPDATE params SET value = '0.5' WHERE key = 'recipe.optimizer.lr' AND run_uuid = {GSF}",
        ("params/recipe.optimizer.lr", "is 0.5, must be 0.01", "rebuild"),
    ),
    "deleted parameter": (
        f"DELETE FROM params WHERE key = 'seed' AND run_uuid = {GSF}",
        ("params/seed", "is missing, must be 0", "sync"),
    ),
    "invented parameter": (
        f"INSERT INTO params (key, value, run_uuid) SELECT 'pretrained', 'more data', {GSF}",
        ("params/pretrained", "neither journal nor receipt", "rebuild"),
    ),
    "tag": (
        f"UPDATE tags SET value = '{'0' * 64}' WHERE key = 'gsf.receipt.8x1x1' AND run_uuid = {GSF}",
        ("tags/gsf.receipt.8x1x1", "is 0000", "sync"),
    ),
    "deleted tag": (
        f"DELETE FROM tags WHERE key = 'gsf.manifest' AND run_uuid = {GSF}",
        ("tags/gsf.manifest", "is missing", "sync"),
    ),
    "invented tag": (
        f"INSERT INTO tags (key, value, run_uuid) SELECT 'gsf.receipt.9x9x9', 'f', {GSF}",
        ("tags/gsf.receipt.9x9x9", "neither journal nor receipt", "rebuild"),
    ),
    "digest of a dataset": (
        "UPDATE datasets SET digest = '0123456789abcdef-test' WHERE digest LIKE '%-test'",
        (f"datasets/{BENCHMARK}", "lacks the digest", "sync"),
    ),
    "source of a dataset": (
        "UPDATE datasets SET dataset_source = '{\"manifest\": \"other.csv\"}' WHERE digest LIKE '%-train'",
        (f"datasets/{BENCHMARK}", "other.csv", "rebuild"),
    ),
    "number of videos of a dataset": (
        "UPDATE datasets SET dataset_profile = '{\"videos\": 9000, \"excluded\": 0}' WHERE digest LIKE '%-train'",
        (f"datasets/{BENCHMARK}", "9000", "rebuild"),
    ),
    "state of a run": (
        "UPDATE runs SET status = 'FAILED' WHERE name = 'gsf-s0'",
        ("status", "is FAILED, must be FINISHED", "sync"),
    ),
    "run that was thrown away": (
        "UPDATE runs SET lifecycle_stage = 'deleted' WHERE name = 'gsf-s0'",
        ("", "is deleted", "sync"),
    ),
    "run that is gone": (
        "".join(
            f"DELETE FROM {table} WHERE run_uuid = {GSF};" for table in ("latest_metrics", "metrics", "params", "tags")
        )
        + "DELETE FROM runs WHERE name = 'gsf-s0'",
        ("", "has no run of this training", "sync"),
    ),
    "doubled run": (
        f"{COPY_OF_RUN};"
        f"INSERT INTO tags (key, value, run_uuid) SELECT key, value, {ANOTHER_ID} FROM tags"
        " WHERE run_uuid = (SELECT run_uuid FROM runs WHERE name = 'gsf-s0' ORDER BY start_time LIMIT 1)",
        ("", "2 runs show this one training", "rebuild"),
    ),
    "run of another training in its place": (
        f"{COPY_OF_RUN};"
        "INSERT INTO tags (key, value, run_uuid) SELECT key, iif(key = 'gsf.training_key', 'better', value),"
        f" {ANOTHER_ID} FROM tags"
        " WHERE run_uuid = (SELECT run_uuid FROM runs WHERE name = 'gsf-s0' ORDER BY start_time LIMIT 1)",
        ("", "claims to be current", "rebuild"),
    ),
    "name of the experiment": (
        "UPDATE experiments SET name = 'other' WHERE name = 'demo'",
        (None, "has no experiment of this name", "sync"),
    ),
}


def _tag(name: str, value: str) -> str:
    return f"UPDATE model_version_tags SET value = '{value}' WHERE key = '{name}'"


def _without(name: str) -> str:
    return f"DELETE FROM model_version_tags WHERE key = '{name}'"


# what is done to the database; the link that must be named; a word of what is said; a word of the remedy
TAMPERED_VERSIONS = {
    "verdict of a registered model": (_tag("gsf.verified", "BROKEN"), ("tags/gsf.verified", "is 'BROKEN'", "register")),
    "praise in the verdict of a registered model": (
        _tag("gsf.verified", "OK: nothing is broken, and it is the best"),
        ("tags/gsf.verified", "must be the verdict", "register"),
    ),
    "checkpoint of a registered model": (
        _tag("gsf.checkpoint", "0" * 64),
        ("tags/gsf.checkpoint", "is 0000", "register"),
    ),
    "training of a registered model": (
        _tag("gsf.receipt.train", "0" * 64),
        ("tags/gsf.receipt.train", "is 0000", "rebuild"),
    ),
    "views of a registered model": (_tag("gsf.served", "0" * 64), ("tags/gsf.served", "is 0000", "rebuild")),
    "result of a registered model": (_tag("2x1x1.top1", "0.9900"), ("tags/2x1x1.top1", "must be 0.7500", "register")),
    "deleted tag of a registered model": (_without("gsf.checkpoint"), ("tags/gsf.checkpoint", "missing", "register")),
    "study of a registered model": (_tag("gsf.study", "other"), ("tags/gsf.study", "must be demo", "register")),
    "invented result of a registered model": (
        f"INSERT INTO model_version_tags (name, version, key, value) SELECT '{NAME}', 1, '9x9x9.top1', '0.9900'",
        ("tags/9x9x9.top1", "no receipt tells", "rebuild"),
    ),
    "protocol that a registered model names": (
        f"INSERT INTO model_version_tags (name, version, key, value) SELECT '{NAME}', 1, 'gsf.protocol', '2x2x3'",
        ("tags/gsf.protocol", "is 2x2x3, must be 2x1x1", "rebuild"),
    ),
    "run of a registered model": (
        "UPDATE model_versions SET run_id = (SELECT run_uuid FROM runs WHERE name = 'tsn-s0')",
        ("run", "does not show its training", "rebuild"),
    ),
    "place of a registered model": (
        "UPDATE model_versions SET source = source || '/elsewhere', storage_location = source || '/elsewhere'",
        ("files/checkpoint.safetensors", "is missing", "rebuild"),
    ),
}


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _add(path: Path) -> None:
    path.with_name("extra.pkl").write_bytes(b"x")


# what is done to a file of the model, which file that is, and the file that must be named
TAMPERED_FILES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "weights of a registered model": (_flip, "artifacts/checkpoint.safetensors", "checkpoint.safetensors"),
    "deleted weights of a registered model": (
        Path.unlink,
        "artifacts/checkpoint.safetensors",
        "checkpoint.safetensors",
    ),
    "receipt of a registered model": (_flip, "artifacts/receipt.json", "receipt.json"),
    "network of a registered model": (_flip, "artifacts/model.json", "model.json"),
    "protocol of a registered model": (_flip, "artifacts/protocol.json", "protocol.json"),
    "code of a registered model": (_flip, "from_code.py", "from_code.py"),
    "file beside a registered model": (_add, "artifacts/receipt.json", "artifacts/extra.pkl"),
}


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _rename(path: Path) -> None:
    path.rename(path.with_name("mlflow.db.renamed"))


# what is done to the file of the database; a word of what is said, and of the remedy
DAMAGED_DATABASE: dict[str, tuple[Callable[[Path], None], tuple[str, str]]] = {
    "database cut short": (_cut, ("cannot be read", "rebuild")),
    "database emptied": (_empty, ("cannot be read", "rebuild")),
    "database renamed": (_rename, ("no such database", "sync")),
}
