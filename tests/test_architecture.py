"""The shape of the house: who may import whom, and that our plain package names mean our packages."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = ("domain", "functions", "db", "infra", "web", "deploy")
HEAVY = (
    "torch", "ctranslate2", "onnxruntime", "xllamacpp", "openai", "scipy", "misaki", "jieba", "stripe",
    "wechatpayv3", "segno", "webauthn",
)
LATER = (  # 60 MB and a second of CPU between them
    "PIL", "alembic", "av", "httpcore", "httpx", "lxml", "markitdown", "modal", "opencc", "py3langid", "pydantic",
    "pypdfium2", "redis", "trafilatura", "webauthn", "zxcvbn",
)


def python(code: str, cwd: Path = ROOT, **settings: str) -> str:
    """Run `code` in a fresh interpreter and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=os.environ | settings, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_imports_follow_the_contracts() -> None:
    script = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([script, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_the_web_app_loads_no_model_package() -> None:
    loaded = python(f"import sys, web.app; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_a_start_leaves_to_later_what_a_process_may_never_need() -> None:
    code = "import sys; from infra import wiring; from web.app import routed; routed(bench=False); import web.__main__"
    loaded = python(f"{code}; print([name for name in {LATER!r} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_the_process_that_watches_over_the_server_holds_none_of_it() -> None:
    theirs = ("litestar", "sqlalchemy", "structlog", "numpy")
    loaded = python(f"import sys, web.__main__; print([name for name in {theirs!r} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_the_collector_passes_over_what_a_start_has_made(tmp_path: Path) -> None:
    code = "import gc; from web.__main__ import load; load(); print(gc.isenabled(), gc.get_freeze_count() > 100_000)"
    assert python(code, DATA_DIR=str(tmp_path), ENGINES="scripted").split("\n")[-2] == "True True"


def test_our_package_names_are_not_shadowed_from_any_folder(tmp_path: Path) -> None:
    code = f"import importlib, json; print(json.dumps([importlib.import_module(n).__file__ for n in {OURS!r}]))"
    files = [Path(file) for file in json.loads(python(code, cwd=tmp_path))]
    assert files == [ROOT / name / "__init__.py" for name in OURS]


def test_every_package_of_ours_is_installed() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    there = {".".join(p.parent.relative_to(ROOT).parts) for name in OURS for p in (ROOT / name).rglob("__init__.py")}
    assert there == set(project["tool"]["setuptools"]["packages"])
